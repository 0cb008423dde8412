"""The command as a whole: versions, interruptions, closed pipes and arguments."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.cli.commands import Command, Ran


def test_the_version_is_that_of_the_package(command: Command) -> None:
    assert command.output("--version") == f"{version('countermark')}\n"


def test_an_interruption_has_the_exit_code_of_shells_and_no_traceback(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("countermark.cli._verify._verifier", lambda *given: interrupt(given))
    assert command("verify", "stigg") == Ran(130, "", "")


def test_a_reader_that_closes_the_pipe_gets_no_traceback(tmp_path: object) -> None:
    program = (
        "import os, sys\nfrom countermark.cli import main\n"
        "os.environ['STIGG_SIGNING_SECRET'] = 'a-secret-of-the-tests-with-enough-bytes'\n"
        "sys.stdin = os.fdopen(os.open('/dev/null', os.O_RDONLY))\n"
        "reading, writing = os.pipe()\nos.close(reading)\nos.dup2(writing, 1)\n"
        "sys.exit(main(['sign', 'stigg', '--id', 'u']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (1, "")


def test_an_option_has_one_spelling(command: Command) -> None:
    assert command.problem("sign", "stigg", "--i", "user-1").startswith("countermark: error: unrec")


def test_a_missing_command_is_a_mistake(command: Command) -> None:
    assert "required: command" in command.problem()


def test_an_argument_that_contains_another_one_is_hidden_whole(command: Command) -> None:
    line = command.problem("sign", "stigg", "--id", "stigg", "canary stigg=canary canary")
    assert line == (
        "countermark: error: unrecognized arguments: <not shown, as it may be a secret>"
    )
