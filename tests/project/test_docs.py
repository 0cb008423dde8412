"""The pages under docs: those made of the schemes are up to date, and their code runs."""

from __future__ import annotations

import hmac
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from countermark import Keyring, Principal, Scheme, Signer, Verifier
from countermark.cli import main
from countermark.schemes import scheme_slugs
from tests.conftest import SECRET
from tests.project import signing_schema
from tests.project.schema_parts import keys_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OWN = (DOCS / "own-scheme.md").read_text(encoding="utf-8")
PAGE = (DOCS / "vendors.md").read_text(encoding="utf-8")


def test_the_page_of_vendors_is_what_the_command_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schemes", "--markdown"]) == 0
    assert capsys.readouterr().out == PAGE, "run: countermark schemes --markdown > docs/vendors.md"


@pytest.mark.parametrize("slug", scheme_slugs())
def test_every_vendor_has_a_row_and_a_section(slug: str) -> None:
    scheme = Scheme.load(slug)
    (row,) = [line for line in PAGE.splitlines() if f"(#{slug}) |" in line]
    (section,) = re.findall(rf"^## {slug}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert scheme.name in row
    assert row.count(" | ") - row.count(" \\| ") == 6
    assert ("**?**" in row) == bool(scheme.unsure)
    assert all(source in section for source in scheme.source)
    assert all(name in section for name in scheme.fields)
    assert scheme.variable in section
    for line in scheme.frontend.strip().splitlines():
        assert line in section


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        if not name.startswith("http"):
            file = DOCS / name if name else page
            assert file.exists(), target
            assert not anchor or anchor in anchors_of(file), target


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that a forge makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "code", re.findall(r"^```python\n(.*?)^```$", OWN, re.DOTALL | re.MULTILINE)
)
def test_the_code_runs(code: str) -> None:
    exec(compile(code, "own-scheme.md", "exec"), {"__name__": "page"})


def test_the_files_of_own_schemes_sign_and_verify(tmp_path: Path) -> None:
    section = OWN.partition("## For a service of your own")[0]
    hash_file, jwt_file = re.findall(r"^```toml\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (tmp_path / "acme-chat.toml").write_text(hash_file)
    (tmp_path / "acme-jwt.toml").write_text(jwt_file)
    chat, jwt = (Scheme.from_toml(tmp_path / f"acme-{name}.toml") for name in ("chat", "jwt"))
    digest = hmac.digest(SECRET.encode(), b"user-1", "sha256").hex()
    assert Signer(chat, Keyring(SECRET)).issue("user-1").fields == {
        "userId": "user-1",
        "signature": digest,
    }
    token = Signer(jwt, Keyring(SECRET)).sign(Principal("user-1", email="a@b.example"))
    claims = Verifier(jwt, Keyring(SECRET)).verify(token).claims
    assert (claims["sub"], claims["email"]) == ("user-1", "a@b.example")

    ((commands),) = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "-ec", commands],
        cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr, ran.returncode) == ("user-1\n", "", 0)


def test_every_key_of_a_scheme_is_documented() -> None:
    keys = keys_of(signing_schema.schema())
    assert len(keys) > 55
    assert [key for key in sorted(keys) if key not in OWN] == []
