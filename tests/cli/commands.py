"""Runs commands in the process of the tests."""

from __future__ import annotations

import io
import os
import warnings
from typing import NamedTuple

import pytest

from countermark.cli import main


class Ran(NamedTuple):
    """The outcome of a command."""

    code: int
    out: str
    err: str


class Command:
    """Runs commands and returns their output."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._patch = patch

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ran:
        self._patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            try:
                code = main(arguments)
            except SystemExit as end:  # of argparse
                code = int(end.code or 0)
        return Ran(code, *self._capsys.readouterr())

    def output(self, *arguments: str, stdin: bytes = b"") -> str:
        """Return the output of a command that succeeds without a message."""
        ran = self(*arguments, stdin=stdin)
        assert ran._replace(out="") == Ran(0, "", "")
        return ran.out

    def problem(self, *arguments: str, stdin: bytes = b"") -> str:
        """Return the one line that tells why a command was misused."""
        ran = self(*arguments, stdin=stdin)
        assert (ran.code, ran.out) == (2, "")
        (line,) = ran.err.splitlines()
        return line


def pipe_with(content: bytes) -> str:
    """Return the number of a file descriptor that yields *content*."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return str(reading)
