"""Fixtures for keys that change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.keys.watching import KeyFiles, secret


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFiles:
    """The files of keys, with the current key of the number 1."""
    files = KeyFiles(tmp_path, monkeypatch)
    files.put(secret(1) + "\n")
    return files
