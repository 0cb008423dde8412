"""Fixtures for keys that change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from countermark.keys._watch import Watch
from tests.forks import in_use
from tests.keys.watching import KeyFiles, secret


@pytest.fixture(autouse=True)
def no_job_is_left() -> Iterator[None]:
    """Stop the watches of a test when it ends, some of which have a long interval."""
    yield
    for watch in in_use(Watch):
        watch._job.stop()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFiles:
    """The files of keys, with the current key of the number 1."""
    files = KeyFiles(tmp_path, monkeypatch)
    files.put(secret(1) + "\n")
    return files
