"""The middleware for applications without a lifespan, or without another middleware."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from countermark import ConfigurationError, _background
from countermark.asgi import (
    App,
    LifespanMiddleware,
    Message,
    Receive,
    Scope,
    Send,
    SigningMiddleware,
)
from tests.verifying.protocols import run_dry

STARTED, STOPPED = "lifespan.startup.complete", "lifespan.shutdown.complete"


class Flushed:
    """Notes the last writes of the background, among the messages of an application."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.notes: list[str] = []
        monkeypatch.setattr(_background, "flush", lambda: self.notes.append("flushed"))

    def live(self, app: App) -> list[str]:
        """Run a lifespan, and return what happened."""
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> Message:
            return {"type": next(messages)}

        async def send(message: Message) -> None:
            self.notes.append(message["type"])

        run_dry(LifespanMiddleware(app)({"type": "lifespan"}, receive, send))
        return self.notes


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> Flushed:
    return Flushed(monkeypatch)


async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": STARTED})
    await receive()
    await send({"type": STOPPED})


async def without_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("only http")


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    raise ValueError("the start failed")


@pytest.mark.parametrize("app", [with_lifespan, without_lifespan, silent])
def test_the_background_writes_before_the_shutdown_is_confirmed(app: App, flushed: Flushed) -> None:
    notes = [note for note in flushed.live(app) if note != "flushed"]
    assert notes == [STARTED, STOPPED]
    assert flushed.notes[-2:] == [STOPPED, "flushed"]
    assert flushed.notes[-3] == "flushed"


def test_an_application_whose_start_fails_is_not_confirmed(flushed: Flushed) -> None:
    with pytest.raises(ValueError, match="the start failed"):
        flushed.live(broken)
    assert STARTED not in flushed.notes


@pytest.mark.parametrize("options", [{}, {"signers": None, "principal": len}])
def test_a_mistake_in_the_configuration_is_not_taken_for_a_missing_lifespan(
    options: dict[str, Any], flushed: Flushed
) -> None:
    app = Starlette(middleware=[Middleware(SigningMiddleware, **options)])
    with pytest.raises((ConfigurationError, TypeError)):
        flushed.live(app)
    assert STARTED not in flushed.notes


def test_requests_reach_the_application_unchanged() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    given: Any = ({"type": "http"}, object(), object())
    run_dry(LifespanMiddleware(app)(*given))
    assert seen == [given]
