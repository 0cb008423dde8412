"""``countermark pseudonym``: the hash of a user in the events of both middlewares."""

from __future__ import annotations

import pytest

from countermark import Keyring, Principal, Signer, Verifier
from countermark.testing import tampered
from countermark.verifying import from_header
from countermark.wsgi import SigningMiddleware, VerifyingMiddleware
from tests.cli.commands import Command
from tests.conftest import SECRET, Events
from tests.drivers import call, wsgi_answer
from tests.samples import private_key

OLD = "an-older-secret-of-the-tests-with-enough-bytes"


def test_it_is_the_principal_in_the_events_of_signing(
    command: Command, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELPSCOUT_BEACON_SECRET", SECRET)
    app = SigningMiddleware(
        wsgi_answer(),
        signers=Signer.from_env("helpscout"),
        principal=lambda environ: Principal(email="ann@b.example"),
        on_event=events,
    )
    call(app)
    (event,) = events
    assert command.output("pseudonym", "helpscout", "--id", "ann@b.example") == (
        f"{event.principal}\n"
    )


def test_it_is_the_principal_of_a_refusal(command: Command, events: Events) -> None:
    app = VerifyingMiddleware(
        wsgi_answer(),
        verifier=Verifier.from_env("stigg"),
        mode="enforce",
        token=from_header("Stigg-Customer-Token"),
        on_event=events,
    )
    call(app, HTTP_STIGG_CUSTOMER_TOKEN=tampered(Signer.from_env("stigg").sign("user-1")))
    (event,) = events
    assert event.name == "refused"
    assert command.output("pseudonym", "stigg", "--id", "user-1") == f"{event.principal}\n"


def test_each_key_has_a_line_and_the_current_one_is_first(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STIGG_SIGNING_SECRET_PREVIOUS", OLD)
    assert command.output("pseudonym", "stigg", "--id", "user-1").split() == [
        Signer("stigg", Keyring(secret)).pseudonym("user-1") for secret in (SECRET, OLD)
    ]


def test_a_public_key_is_refused(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    _, public = private_key("ES256")
    monkeypatch.setenv("STIGG_SIGNING_SECRET", public)
    problem = command.problem("pseudonym", "stigg", "--id", "user-1")
    assert "each process has a salt of its own" in problem
