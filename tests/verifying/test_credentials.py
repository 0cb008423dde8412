"""A secret or another credential in the place of a token is recognised, and never repeated."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

from countermark import BadToken, Keyring, Signer, Verifier
from countermark.verifying import from_header
from tests.conftest import SECRET, Events
from tests.verifying.protocols import FLOW_VERIFIER, HEADER, OLD, OTHER, Protocol
from tests.verifying.verifiers import verifier_of

RING = Keyring(SECRET, previous=OLD)
VERIFIER = Verifier(
    "stigg",
    RING,
    environment="live",
    other_environments={"staging": Keyring(OTHER)},
)
PLAIN_JWT = Signer("stream-chat", Keyring(SECRET)).sign("user-1")


@pytest.mark.parametrize(
    ("token", "role"),
    [
        (SECRET, "current"),
        (f" {SECRET}\n", "current"),
        (f'"{SECRET}"', "current"),
        (f"Bearer {SECRET}", "current"),
        (f"HMAC-SHA256 user-1:{SECRET}", "current"),
        (base64.b64encode(SECRET.encode()).decode(), "current"),
        (f"{SECRET}\r\n".encode(), "current"),
        (OLD, "previous"),
        (OTHER, None),
    ],
)
def test_the_secret_in_the_place_of_a_token_has_a_code_of_its_own(
    token: str | bytes, role: str | None
) -> None:
    check = VERIFIER.check(token)
    assert (check.code, check.role, check.claimed_id) == ("secret_received", role, None)
    with pytest.raises(BadToken) as refused:
        VERIFIER.verify(token)
    assert refused.value.code == "secret_received"
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("slug", "token"),
    [
        ("stigg", "client-0a1b2c3d"),
        ("stigg", PLAIN_JWT),
        ("castle", PLAIN_JWT),
        ("castle", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("castle", "sha256=" + "0" * 64),
        ("castle", "t=1800000000,v1=" + "0" * 64),
        ("castle", "-----BEGIN PRIVATE KEY-----\nabc"),
        ("castle", "sk_live_0a1b2c3d"),
        ("cognito-flow", "live_publishable_key_0a1b"),
        ("stream-chat", "0" * 64),
        ("stream-chat", "A" * 43 + "="),
        ("stream-chat", "HMAC-SHA256 user-1:" + "0" * 64),
    ],
)
def test_a_credential_of_another_kind_has_a_code_of_its_own(slug: str, token: str) -> None:
    assert verifier_of(slug).check(token, "user-1").code == "wrong_credential"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("HMAC-SHA256 user-1:" + "0" * 64, "mismatch"),
        ("user-1", "malformed"),
        ("\udcff", "malformed"),
        (SECRET * 300, "malformed"),
        (f"{SECRET[:-1]}x", "malformed"),
        (7, "malformed"),
        (b"\xff", "malformed"),
    ],
)
def test_other_invalid_tokens_keep_their_code(token: Any, code: str) -> None:
    assert VERIFIER.check(token).code == code


def test_a_valid_token_is_not_compared_with_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("a valid token was looked at")

    monkeypatch.setattr("countermark.mistakes._credentials.received_secret", fail)
    for key in (SECRET, OLD):
        assert VERIFIER.check(Signer("stigg", Keyring(key)).sign("user-1")).code == "verified"
    assert VERIFIER.check(None).code == "missing"


def test_a_public_key_is_no_secret() -> None:
    assert verifier_of("knock").check("0" * 64).code == "wrong_credential"


@pytest.mark.parametrize("mode", ["monitor", "enforce"])
def test_a_received_secret_is_an_event_of_its_own_without_the_secret(
    protocol: Protocol, mode: str, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "countermark")
    visit = protocol((HEADER, SECRET.encode()), verifier=VERIFIER, mode=mode, on_event=events)
    assert visit.code == "secret_received"
    leaked, refused = events
    assert leaked[:3] == ("leaked", "current", "stigg")
    assert refused.reason == "secret_received"
    assert leaked.correlation == refused.correlation
    assert caplog.records[0].levelname == "ERROR"
    seen = f"{visit} {visit.verdict!r} {events} {caplog.text} {visit.headers}"
    assert SECRET not in seen


def test_the_event_names_another_environment(protocol: Protocol, events: Events) -> None:
    protocol((HEADER, OTHER.encode()), verifier=VERIFIER, on_event=events)
    assert events[0][:2] == ("leaked", "other_environment")


@pytest.mark.parametrize("id_header", [[], [(b"x-id", b"user-1")]])
def test_the_secret_is_recognised_with_and_without_the_claimed_id(
    protocol: Protocol, id_header: Any
) -> None:
    options: dict[str, Any] = {
        "verifier": FLOW_VERIFIER,
        "token": "X-Signature",
        "claimed_id": from_header("X-Id"),
    }
    assert protocol((b"x-signature", SECRET.encode()), *id_header, **options).code == (
        "secret_received"
    )
    assert protocol((b"x-signature", b"A" * 43 + b"="), **options).code == "mismatch"
