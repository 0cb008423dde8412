"""What the tests of ``countermark check`` share."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from countermark.cli import main

ROOT = Path(__file__).resolve().parents[2]
SECRET = "3f9c2b7d51e8406aa9b4c1d0e7f65a28"


class Outcome(NamedTuple):
    """The outcome of the command."""

    code: int
    findings: list[dict[str, Any]]
    err: str

    @property
    def found(self) -> list[tuple[str, str]]:
        return sorted((found["code"], found["where"]) for found in self.findings)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.endswith(("SECRET", "KEY", "TOKEN")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(ROOT)


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Return what runs the command with ``--json``, and imports the application again."""

    def run(*arguments: str) -> Outcome:
        for argument in arguments:
            sys.modules.pop(argument.partition(":")[0], None)
        code = main(["check", *arguments, "--json"])
        out, err = capsys.readouterr()
        return Outcome(code, json.loads(out)["findings"] if out else [], err)

    return run
