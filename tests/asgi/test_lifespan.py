"""Work in the background is done before the shutdown of an application is confirmed."""

from __future__ import annotations

import sys
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


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def job(notes: list[str]) -> Iterator[Job]:
    """A started job, which is due in an hour, makes a note and rests."""

    def run() -> bool:
        notes.append("last run")
        return False

    job = Job(run, 3600, name="countermark-test", at_exit=True)
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
def test_jobs_run_before_shutdown_is_confirmed(
    wrap: Wrap, stopped: str, job: Job, notes: list[str]
) -> None:
    live(wrap(ending_with(STARTED, stopped)), notes)
    assert notes == [STARTED, "last run", stopped]


@pytest.mark.parametrize("wrap", [signing, verifying, webhooks])
def test_jobs_run_when_an_application_ends_without_a_message(
    wrap: Wrap, job: Job, notes: list[str]
) -> None:
    async def raises(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": STARTED})
        raise KeyError("canary")

    with pytest.raises(KeyError, match="canary"):
        live(wrap(raises), notes)
    assert notes == [STARTED, "last run"]


def test_jobs_continue_after_a_lifespan_as_the_process_may_have_other_applications(
    job: Job, notes: list[str]
) -> None:
    other = Job(lambda: None, 3600, name="countermark-other")
    other.start()
    for _ in range(2):
        job.start()
        live(signing(ending_with(STARTED, STOPPED)), notes)
    assert notes == [STARTED, "last run", STOPPED] * 2
    assert (job.started, other.started) == (False, True)
    other.stop()


def test_a_lifespan_without_work_in_the_background_passes(notes: list[str]) -> None:
    live(several(ending_with(STARTED, STOPPED)), notes)
    assert notes == [STARTED, STOPPED]


def test_a_lifespan_does_not_import_what_no_job_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "countermark._background")
    live(signing(ending_with(STARTED, STOPPED)), [])
    assert "countermark._background" not in sys.modules
