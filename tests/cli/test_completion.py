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


def test_fish_completes_commands_and_schemes(
    command: Command, need_binary: Callable[[str], str]
) -> None:
    program = f"{command.output('completion', 'fish')}\ncomplete -C 'countermark sign cog'"
    ran = subprocess.run(
        [need_binary("fish"), "--no-config", "-c", program],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout.split("\t")[0] == "cognito-flow"


def test_zsh_loads_the_script_as_the_completion_of_the_command(
    command: Command, need_binary: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "_countermark").write_text(command.output("completion", "zsh"))
    program = (
        f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -D;"
        " _countermark; print $_comps[countermark] $+functions[_shtab_countermark_commands]"
    )
    ran = subprocess.run(
        [need_binary("zsh"), "-f", "-c", program],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.stdout.split() == ["_countermark", "1"], ran.stderr


def test_tcsh_has_a_script_with_the_commands(command: Command) -> None:
    script = command.output("completion", "tcsh")
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
