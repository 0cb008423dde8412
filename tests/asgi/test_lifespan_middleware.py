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


class Ended:
    """Notes the end of the work in the background, among the messages of an application."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.notes: list[str] = []
        monkeypatch.setattr(_background, "finish", lambda: self.notes.append("ended"))

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
def ended(monkeypatch: pytest.MonkeyPatch) -> Ended:
    return Ended(monkeypatch)


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
def test_the_work_in_the_background_ends_before_the_shutdown_is_confirmed(
    app: App, ended: Ended
) -> None:
    notes = [note for note in ended.live(app) if note != "ended"]
    assert notes == [STARTED, STOPPED]
    assert ended.notes[-2:] == [STOPPED, "ended"]
    assert ended.notes[-3] == "ended"


def test_an_application_whose_start_fails_is_not_confirmed(ended: Ended) -> None:
    with pytest.raises(ValueError, match="the start failed"):
        ended.live(broken)
    assert STARTED not in ended.notes


@pytest.mark.parametrize("options", [{}, {"signers": None, "principal": len}])
def test_a_mistake_in_the_configuration_is_not_taken_for_a_missing_lifespan(
    options: dict[str, Any], ended: Ended
) -> None:
    app = Starlette(middleware=[Middleware(SigningMiddleware, **options)])
    with pytest.raises((ConfigurationError, TypeError)):
        ended.live(app)
    assert STARTED not in ended.notes


def test_requests_reach_the_application_unchanged() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    given: Any = ({"type": "http"}, object(), object())
    run_dry(LifespanMiddleware(app)(*given))
    assert seen == [given]
