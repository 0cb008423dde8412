"""Files of keys that change, and the keyrings that watch them."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from countermark import WatchedKeyring
from tests.conftest import Events

NAME = "STIGG_SIGNING_SECRET"
# Seconds that no test needs, unless it fails.
LONG = 20


def secret(number: int) -> str:
    """Return the secret of a number, in the form that Stigg's have."""
    return f"secret-number-{number:05}-for-tests-only"


def delivery(number: int) -> dict[str, Any]:
    body = b'{"id": "1"}'
    mac = hmac.digest(secret(number).encode(), body, hashlib.sha256).hex()
    return {"headers": [("X-Hub-Signature-256", f"sha256={mac}")], "body": body}


class KeyFiles:
    """The files of a current, a previous and a next key, which the environment names."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.events = Events()
        for role in ("", "_PREVIOUS", "_NEXT"):
            monkeypatch.setenv(f"{NAME}{role}_FILE", str(self.path(role)))

    def path(self, role: str = "") -> Path:
        return self.folder / f"key{role}"

    def put(self, text: str | bytes | None, role: str = "") -> None:
        """Replace a file as `mv` does; None: remove it."""
        if text is None:
            self.path(role).unlink()
            return
        data = text.encode() if isinstance(text, str) else text
        temporary = self.folder / f"new{role}"
        temporary.write_bytes(data)
        os.replace(temporary, self.path(role))  # noqa: PTH105

    def keyring(self, **options: Any) -> WatchedKeyring:
        """Return a keyring that does not read by itself, unless *interval* is given."""
        return WatchedKeyring(NAME, **{"interval": 9999, "on_event": self.events, **options})


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something holds that happens in another thread."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.002)
