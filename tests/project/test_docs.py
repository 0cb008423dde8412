"""The pages under docs: those made of the schemes are up to date, and their code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from countermark import Scheme
from countermark.cli import main
from countermark.schemes import scheme_slugs
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


def test_every_key_of_a_scheme_is_documented() -> None:
    keys = keys_of(signing_schema.schema())
    assert len(keys) > 55
    assert [key for key in sorted(keys) if key not in OWN] == []
