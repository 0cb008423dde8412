"""Commands, with the secrets of two vendors in the environment."""

from __future__ import annotations

import pytest

from tests.cli.commands import Command
from tests.conftest import SECRET


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    monkeypatch.setenv("COGNITO_API_SECRET", f"live_{SECRET}")
    return Command(capsys, monkeypatch)
