"""docs/command.md is that of the parser, and its examples run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from countermark import Keyring, Signer
from tests.cli.commands import Command
from tests.conftest import SECRET
from tests.project.command_page import page
from tests.webhooks.samples import WHSEC
from tests.webhooks.test_signer_private_keys import WHPK, WHSK

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
LIVE = f"live_{SECRET}"


@pytest.fixture
def shell(tmp_path: Path, need_binary: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function that runs lines in bash, with the files that the examples read."""
    bash = need_binary("bash")
    (tmp_path / "ids.txt").write_text("user-1\nuser-2\n")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "event.json").write_text("{}")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STIGG_SIGNING_SECRET": SECRET,
        "COGNITO_API_SECRET": LIVE,
        "WEBHOOKS_SECRET": WHSEC,
    }

    def run(lines: str) -> str:
        ran = subprocess.run(
            [bash, "--norc", "-e", "-c", lines],
            check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
        return ran.stdout

    return run


def example_of(name: str) -> str:
    section = PAGE.partition(f"\n## countermark {name}\n")[2]
    return section.partition("```sh\n")[2].partition("```\n")[0]


def test_the_page_is_that_of_the_parser() -> None:
    assert page() == PAGE, "run: python -m tests.project.command_page > docs/command.md"


def test_the_first_example_prints_what_the_page_shows(shell: Callable[[str], str]) -> None:
    (block,) = re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    lines = block.splitlines()
    expected = [line for line in lines if not line.startswith("$ ")]
    program = "\n".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))
    assert shell(f"exec 2>&1\n{program} || true").splitlines() == expected


def test_the_examples_of_signing_print_tokens(shell: Callable[[str], str], tmp_path: Path) -> None:
    token = Signer("stigg", Keyring(SECRET)).sign("customer-demo-01")
    out = shell(example_of("sign")).splitlines()
    assert (out[0], out[-1]) == (token, token)
    assert '"cognito-flow"' in out[1]
    assert len((tmp_path / "tokens.txt").read_text().splitlines()) == 2


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_of_verifying_print_the_id(
    shell: Callable[[str], str], tmp_path: Path, number: int
) -> None:
    signer = (Signer("stigg", Keyring(SECRET)), Signer("cognito-flow", Keyring(LIVE)))[number]
    (tmp_path / "token.txt").write_text(signer.sign("customer-demo-01"))
    assert "customer-demo-01" in shell(example_of("verify").splitlines()[number])


def test_the_examples_of_requests_print_commands(shell: Callable[[str], str]) -> None:
    assert shell(example_of("request")).count("\ncurl ") == 10


def test_the_examples_of_generating_print_secrets(
    shell: Callable[[str], str], need_binary: Callable[[str], str], tmp_path: Path
) -> None:
    need_binary("openssl")
    (tmp_path / "key.txt").write_text(WHSK)
    first, public, *pem, last = shell(example_of("keygen")).splitlines()
    assert len(first) == len(last) == 64
    assert public == WHPK
    assert pem[0] == "-----BEGIN PUBLIC KEY-----"
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    assert (tmp_path / ".env").read_text().startswith("WEBHOOKS_SECRET=whsec_")


def test_the_help_of_each_command_fits_the_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    names = re.findall(r"^## countermark (\S+)$", PAGE, re.MULTILINE)
    listed = command.output("--help")
    for name in names:
        assert re.search(rf"^    {name}\s", listed, re.MULTILINE)
        text, _, examples = command.output(name, "--help").partition("examples:\n")
        assert max(map(len, text.splitlines())) <= 72
        assert all(line.startswith("  ") for line in examples.splitlines())


def test_the_example_for_other_languages_verifies_what_it_signs(
    shell: Callable[[str], str],
) -> None:
    pages = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", pages, re.DOTALL | re.MULTILINE)
    assert json.loads(shell(block))["principal_id"] == "customer-demo-01"
