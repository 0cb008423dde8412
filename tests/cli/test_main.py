"""The command as a whole: versions, interruptions, closed pipes and arguments."""

from __future__ import annotations

import os
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


def test_a_reader_that_closes_the_pipe_gets_no_traceback() -> None:
    program = (
        "import os, sys\nfrom countermark.cli import main\n"
        "os.environ['STIGG_SIGNING_SECRET'] = 'a-secret-of-the-tests-with-enough-bytes'\n"
        "reading, writing = os.pipe()\nos.close(reading)\nos.dup2(writing, 1)\n"
        "sys.exit(main(['sign', 'stigg', '--id', 'u']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (1, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device of Linux")  # noqa: PTH110
@pytest.mark.parametrize(
    ("redirection", "code", "out", "err"),
    [
        (">&-", 2, "", "standard output is closed; redirect it to a file or a pipe\n"),
        (">/dev/full", 2, "", "the output cannot be written: No space left on device\n"),
        ("--id '' 2>&-", 2, "", ""),
        (">&- 2>&-", 2, "", ""),
    ],
)
def test_an_output_that_cannot_be_written_is_an_error_in_one_line(
    redirection: str, code: int, out: str, err: str
) -> None:
    program = f'"{sys.executable}" -m countermark sign stigg --id u {redirection}'
    environment = {**os.environ, "STIGG_SIGNING_SECRET": "a-secret-of-the-tests-with-enough-bytes"}
    ran = subprocess.run(
        ["/bin/sh", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, out, err)


def test_an_error_of_the_system_that_names_a_file_is_not_taken_for_the_output(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> int:
        raise FileNotFoundError(2, "No such file", "a file")

    monkeypatch.setattr("countermark.cli._verify._verifier", fail)
    with pytest.raises(FileNotFoundError):
        command("verify", "stigg")


def test_an_option_has_one_spelling(command: Command) -> None:
    line = command.problem("sign", "stigg", "--i", "user-1")
    assert line.startswith("countermark sign: error: unrecognized arguments: ")
    assert line.endswith("; see countermark sign --help")


def test_a_missing_command_is_a_mistake(command: Command) -> None:
    assert "required: command" in command.problem()


def test_an_argument_that_contains_another_one_is_hidden_whole(command: Command) -> None:
    line = command.problem("sign", "stigg", "--id", "stigg", "canary stigg=canary canary")
    assert line == (
        "countermark sign: error: unrecognized arguments: <not shown, as it may be a secret>; see"
        " countermark sign --help"
    )
