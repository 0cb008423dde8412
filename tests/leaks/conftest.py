"""Fixtures of the tests of leaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.leaks.scanning import Scanner


@pytest.fixture
def scanner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Scanner:
    return Scanner(tmp_path, capsys, monkeypatch)
