"""``countermark completion``: scripts for shells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from countermark.cli import main
from countermark.schemes import scheme_slugs
from tests.cli.commands import Command


def completed(script: str, line: list[str], bash: str) -> list[str]:
    """Return what bash completes the last word of a line to."""
    program = (
        f"{script}\nCOMP_WORDS=({' '.join(map(repr, line))})\nCOMP_CWORD={len(line) - 1}\n"
        '_shtab_countermark\nprintf "%s\\n" "${COMPREPLY[@]}"'
    )
    ran = subprocess.run(
        [bash, "--norc", "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return ran.stdout.split()


@pytest.fixture
def complete(
    command: Command, need_binary: Callable[[str], str]
) -> Callable[[list[str]], list[str]]:
    script = command.output("completion", "bash")
    return lambda line: completed(script, line, need_binary("bash"))


def test_bash_completes_commands_options_and_schemes(
    complete: Callable[[list[str]], list[str]],
) -> None:
    assert complete(["countermark", "ver"]) == ["verify"]
    assert complete(["countermark", "verify", "--tok"]) == ["--token-file"]
    assert complete(["countermark", "sign", "cog"]) == ["cognito-flow"]
    assert complete(["countermark", "keygen", "discourse", "--format", "e"]) == ["env"]
    assert set(complete(["countermark", "schemes", ""])) >= set(scheme_slugs())


def test_bash_completes_the_names_of_files(
    complete: Callable[[list[str]], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert complete(["countermark", "verify", "stigg", "--token-file", "tok"]) == ["token.txt"]


@pytest.mark.parametrize("shell", ["zsh", "fish", "tcsh"])
def test_other_shells_have_a_script_with_the_commands(command: Command, shell: str) -> None:
    script = command.output("completion", shell)
    for word in ("countermark", "verify", "cognito-flow"):
        assert word in script


def test_another_shell_is_refused(command: Command) -> None:
    line = command.problem("completion", "canary")
    assert "argument SHELL: invalid choice" in line
    assert "canary" not in line


def test_completion_names_its_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err == (
        "completion needs shtab: pip install 'countermark[completion]'\n"
    )
