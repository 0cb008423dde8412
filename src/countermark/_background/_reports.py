"""Events about work in the background."""

from __future__ import annotations

from contextlib import suppress

from countermark.events import Event, emit


def report(reason: str, error: str) -> None:
    with suppress(Exception):  # filters of the log may raise, and the thread must go on
        emit(Event("failed", reason, error=error), None)
