"""What the tests of ``countermark check`` share."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple, TypeAlias

import pytest

from countermark.cli import main

ROOT = Path(__file__).resolve().parents[2]
#: The type of the fixture ``check``.
Check: TypeAlias = "Callable[..., Outcome]"
#: The type of the fixture ``check_code``.
CheckCode: TypeAlias = "Callable[..., Outcome]"
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
    # Few variables, as each is compared with the names of all schemes.
    for name in list(os.environ):
        if not name.startswith(("PATH", "HOME", "TMP", "COVERAGE", "PYTEST")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", sys.path[:])  # the command adds the working directory


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Restore the handlers, as Litestar adds one that outlives the streams of a test."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Return what runs the command with ``--json``, and imports the application again."""

    def run(*arguments: str) -> Outcome:
        for argument in arguments:
            sys.modules.pop(argument.partition(":")[0], None)
        code = main(["check", *arguments, "--json"])
        out, err = capsys.readouterr()
        assert SECRET not in out + err
        assert SECRET[::-1] not in out + err
        return Outcome(code, json.loads(out)["findings"] if out else [], err)

    return run


@pytest.fixture
def check_code(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CheckCode:
    """Return what runs the command with the code of a module, by default for its ``app``."""

    def run(code: str, name: str = "app", *options: str) -> Outcome:
        (tmp_path / "checked_module.py").write_text(dedent(code), encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        sys.modules.pop("checked_module", None)
        invalidate_caches()
        return check(f"checked_module:{name}" if name else "checked_module", *options)

    return run
