"""Runs ``countermark scan`` in a directory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from countermark.cli import main
from countermark.leaks._secrets import variables

STIGG = "a-signing-secret-of-these-tests-91c7d2be"
TALKJS = "sk_live_Ncow50B9RdRQFeXBsW45c5LFRVYLCm98"


class Scan(NamedTuple):
    """The outcome of a scan."""

    code: int
    out: str
    notes: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Scanner:
    """Runs scans with the secret of Stigg in the environment."""

    def __init__(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.folder, self._capsys, self.monkeypatch = folder, capsys, monkeypatch
        for name in variables():
            for suffix in ("", "_FILE", "_PREVIOUS", "_NEXT"):
                monkeypatch.delenv(name + suffix, raising=False)
        monkeypatch.setenv("STIGG_SIGNING_SECRET", STIGG)
        monkeypatch.chdir(folder)

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def scan(self, *arguments: str) -> Scan:
        self._capsys.readouterr()
        code = main(["scan", *arguments])
        out, notes = self._capsys.readouterr()
        return Scan(code, out, notes)

    def git(self, *arguments: str) -> str:
        options = {"user.name": "A", "user.email": "a@a.example", "init.defaultBranch": "main"}
        command = ["git", "-C", str(self.folder)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        # In a hook, or a rebase, git's variables name the repository of the project itself.
        environment = {name: text for name, text in os.environ.items() if name[:4] != "GIT_"}
        ran = subprocess.run(
            [*command, *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
        )
        return ran.stdout
