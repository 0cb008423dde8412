"""The meter of an application that shuts down writes before the server hears of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.testclient import TestClient

from countermark.asgi import App, Message, Receive, Scope, Send, VerifyingMiddleware
from countermark.verifying import Enforcement, Verdict
from tests.conftest import Events
from tests.verifying.protocols import VERIFIER, run_dry

STARTED, STOPPED = "lifespan.startup.complete", "lifespan.shutdown.complete"


class Flushed:
    """A meter that notes what happens, among what else does."""

    def __init__(self, notes: list[str], error: Exception | None = None) -> None:
        self._notes, self._error = notes, error

    def __call__(self, verdict: Verdict) -> None:
        self._notes.append("counted")

    def flush(self) -> bool:
        self._notes.append("flushed")
        if self._error is not None:
            raise self._error
        return True


def saying(*kinds: str) -> App:
    """Return an application that says no more than this of its life."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for kind in kinds:
            await send({"type": kind})

    return app


def live(
    app: App, meter: Callable[[Verdict], object] | None, notes: list[str], **options: Any
) -> None:
    async def receive() -> Message:
        raise AssertionError("the middleware waits for something")

    async def send(message: Message) -> None:
        notes.append(message["type"])

    given: dict[str, Any] = {"verifier": VERIFIER, "mode": "monitor", "meter": meter, **options}
    middleware = VerifyingMiddleware(app, **given)
    run_dry(middleware({"type": "lifespan"}, receive, send))


@pytest.mark.parametrize("stopped", [STOPPED, "lifespan.shutdown.failed"])
@pytest.mark.parametrize("mode", ["off", "monitor", "enforce"])
def test_the_meter_writes_before_shutdown_is_confirmed(stopped: str, mode: str) -> None:
    notes: list[str] = []
    live(saying(STARTED, stopped), Flushed(notes), notes, mode=mode)
    assert notes[:3] == [STARTED, "flushed", stopped]


def test_a_meter_that_raises_does_not_stop_the_shutdown(events: Events) -> None:
    notes: list[str] = []
    meter = Flushed(notes, OSError("canary"))
    live(saying(STARTED, STOPPED), meter, notes, on_event=events)
    assert notes[:3] == [STARTED, "flushed", STOPPED]
    assert {(event.reason, event.error) for event in events} == {("meter_raised", "OSError")}


def test_the_meter_writes_when_an_application_returns_without_a_message() -> None:
    async def raises(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": STARTED})
        raise KeyError("canary")

    notes: list[str] = []
    with pytest.raises(KeyError, match="canary"):
        live(raises, Flushed(notes), notes)
    assert notes == [STARTED, "flushed"]


class Unflushed(list[Verdict]):
    """A meter that is a list, and has something else that is called flush."""

    __call__ = list.append

    def __init__(self, flush: object) -> None:
        self.flush = flush


async def flush_later() -> None:
    raise AssertionError("nobody would wait for it")


@pytest.mark.parametrize("meter", [None, [].append, Unflushed(7), Unflushed(flush_later)])
def test_without_a_meter_to_flush_the_lifespan_is_the_applications(meter: Any) -> None:
    notes: list[str] = []
    live(saying(STARTED, STOPPED), meter, notes)
    assert notes == [STARTED, STOPPED]


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
def test_frameworks_pass_the_lifespan_to_middlewares(kind: type[Starlette]) -> None:
    notes: list[str] = []
    app = kind()
    options: Any = {"verifier": VERIFIER, "mode": "monitor", "meter": Flushed(notes)}
    app.add_middleware(VerifyingMiddleware, **options)
    with TestClient(app) as client:
        client.get("/")
        assert notes == ["counted"]
    assert notes[1] == "flushed"


def test_flushing_an_enforcement_without_a_meter_does_nothing() -> None:
    enforcement = Enforcement(VERIFIER, mode="monitor")
    assert not enforcement.flushes
    enforcement.flush()
