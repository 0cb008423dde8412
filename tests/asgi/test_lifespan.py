"""Work in the background ends with the lifespan of the application."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import trio

from countermark import Keyring, Signer, Verifier
from countermark._background import Job
from countermark.asgi import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    SigningMiddleware,
    VerifyingMiddleware,
    WebhookMiddleware,
)
from countermark.webhooks import WebhookVerifier
from tests.conftest import SECRET

STARTED, STOPPED = "lifespan.startup.complete", "lifespan.shutdown.complete"
KEYRING = Keyring(SECRET)

Wrap = Callable[[App], App]


def signing(app: App) -> App:
    return SigningMiddleware(app, signers=Signer("stigg", KEYRING), principal=lambda scope: None)


def verifying(app: App) -> App:
    return VerifyingMiddleware(app, verifier=Verifier("stigg", KEYRING), mode="monitor")


def webhooks(app: App) -> App:
    return WebhookMiddleware(app, verifier=WebhookVerifier("github", KEYRING), paths="/hooks")


def several(app: App) -> App:
    return signing(verifying(webhooks(app)))


def background_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "countermark-background"]


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def job(notes: list[str]) -> Iterator[Job]:
    """A started job, which is due in an hour and makes a note."""
    job = Job(lambda: notes.append("last run"), 3600, name="countermark-test", at_exit=True)
    job.start()
    yield job
    job.stop()


def live(app: App, notes: list[str]) -> None:
    """Run a lifespan, and note the messages that the application sends."""
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Message:
        return {"type": next(messages)}

    async def send(message: Message) -> None:
        notes.append(message["type"])

    trio.run(app, {"type": "lifespan"}, receive, send)


def ending_with(*kinds: str) -> App:
    """Return an application that sends these messages, each after one of the server."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for kind in kinds:
            await receive()
            await send({"type": kind})

    return app


@pytest.mark.parametrize("wrap", [signing, verifying, webhooks, several])
@pytest.mark.parametrize("stopped", [STOPPED, "lifespan.shutdown.failed"])
def test_jobs_run_a_last_time_before_shutdown_is_confirmed(
    wrap: Wrap, stopped: str, job: Job, notes: list[str]
) -> None:
    live(wrap(ending_with(STARTED, stopped)), notes)
    assert notes == [STARTED, "last run", stopped]
    assert not job.started
    assert background_threads() == []


@pytest.mark.parametrize("wrap", [signing, verifying, webhooks])
def test_jobs_end_when_an_application_ends_without_a_message(
    wrap: Wrap, job: Job, notes: list[str]
) -> None:
    async def raises(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": STARTED})
        raise KeyError("canary")

    with pytest.raises(KeyError, match="canary"):
        live(wrap(raises), notes)
    assert notes == [STARTED, "last run"]


def test_a_job_can_be_started_after_a_lifespan_and_ends_with_the_next_one(
    job: Job, notes: list[str]
) -> None:
    app = signing(ending_with(STARTED, STOPPED))
    for _ in range(2):
        job.start()
        assert job.started
        live(app, notes)
    assert notes == [STARTED, "last run", STOPPED] * 2


def test_a_lifespan_without_work_in_the_background_passes(notes: list[str]) -> None:
    live(several(ending_with(STARTED, STOPPED)), notes)
    assert notes == [STARTED, STOPPED]


def test_a_lifespan_does_not_import_what_no_job_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "countermark._background")
    live(signing(ending_with(STARTED, STOPPED)), [])
    assert "countermark._background" not in sys.modules
