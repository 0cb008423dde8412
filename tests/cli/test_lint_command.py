"""``countermark schemes lint`` and ``countermark schemes --schema``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.commands import Command, Ran
from tests.project.json_schemas import SCHEMAS

VALID = '[mac]\nalgorithm = "sha256"\nencoding = "hex"\nmessage = "{id}"\n'
WEBHOOK = 'kind = "secret"\nsignature = { header = "X-Acme" }\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with three files, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme.toml").write_text(VALID)
    (tmp_path / "hooks.toml").write_text(WEBHOOK)
    (tmp_path / "broken.toml").write_text(VALID.replace("hex", "base32") + "salt = 1\n")
    return tmp_path


def test_a_valid_file_has_a_line_that_names_its_kind(folder: Path, command: Command) -> None:
    assert command.output("schemes", "lint", "acme.toml", str(folder / "hooks.toml")) == (
        f"acme.toml: a valid signing scheme\n{folder}/hooks.toml: a valid webhook scheme\n"
    )


def test_each_mistake_has_a_line_with_the_file_and_the_line(folder: Path, command: Command) -> None:
    ran = command("schemes", "lint", "broken.toml", "acme.toml")
    assert ran == Ran(
        1,
        "broken.toml:3: scheme broken: [mac]: encoding must be one of hex, hex-upper, base64,"
        " base64url\n"
        "broken.toml:5: scheme broken: [mac]: unknown key <not shown, as it may be a secret>; the"
        " keys are algorithm, construction, encoding, key, message\n"
        "acme.toml: a valid signing scheme\n",
        "",
    )


def test_a_file_that_cannot_be_read_is_a_misuse(folder: Path, command: Command) -> None:
    line = command.problem("schemes", "lint", "none.toml")
    assert line == "the file none.toml cannot be read (FileNotFoundError); correct its path"
    assert "(ValueError)" in command.problem("schemes", "lint", "a\0.toml")
    assert "<not shown" in command.problem("schemes", "lint", "a-secret")


def test_the_other_files_are_checked_if_some_cannot_be_read(folder: Path, command: Command) -> None:
    assert command("schemes", "lint", "none.toml", "acme.toml", "broken.toml", "no.toml") == Ran(
        2,
        command.output("schemes", "lint", "acme.toml")
        + command("schemes", "lint", "broken.toml").out,
        "the file none.toml cannot be read (FileNotFoundError); correct its path\n"
        "the file no.toml cannot be read (FileNotFoundError); correct its path\n",
    )


def test_lint_needs_files_and_a_scheme_takes_none(folder: Path, command: Command) -> None:
    assert command.problem("schemes", "lint").startswith("give the files to check")
    assert command.problem("schemes", "stigg", "acme.toml") == (
        "only lint takes files; give one scheme"
    )
    assert "not allowed with argument" in command.problem("schemes", "--due", "lint", "acme.toml")


def test_a_newline_in_a_path_does_not_break_the_line(folder: Path, command: Command) -> None:
    (folder / "a\nb.toml").write_text('slug = "own"\n' + VALID)
    assert command.output("schemes", "lint", "a\nb.toml") == "a b.toml: a valid signing scheme\n"


def test_the_schemas_are_printed_as_they_are_in_the_package(command: Command) -> None:
    for kind, path in zip(["signing", "webhook"], SCHEMAS, strict=True):
        assert path.name == f"{kind}-scheme.schema.json"
        assert command.output("schemes", "--schema", kind) == path.read_text(encoding="utf-8")
        assert json.loads(path.read_text(encoding="utf-8"))["title"].lower().startswith(kind)
    assert command("schemes", "--schema", "jwt").code == 2


def test_the_page_shows_the_output_of_the_command(folder: Path, command: Command) -> None:
    (folder / "acme-chat.toml").write_text(
        'name = "Acme"\nlifetime = 0\n\n[mac]\nalgorithm = "sha256"\n'
        'message = "{id}"\nencoding = "base32"\n'
    )
    (folder / "acme-hooks.toml").write_text(WEBHOOK)
    page = (Path(__file__).parents[2] / "docs" / "own-scheme.md").read_text(encoding="utf-8")
    ((line, shown),) = re.findall(
        r"^```console\n\$ countermark (.+)\n((?:.+\n)+)```", page, re.MULTILINE
    )
    assert command(*line.split()) == Ran(1, shown, "")
