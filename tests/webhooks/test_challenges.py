"""The middlewares answer the requests by which vendors verify a URL."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import Mock

import pytest

from countermark import BadWebhook, ConfigurationError, Keyring, PrivateKey
from countermark.webhooks import WebhookScheme, WebhookVerifier
from countermark.webhooks._scheme import webhook_scheme_slugs
from tests.conftest import Events
from tests.samples import private_key
from tests.webhooks.challenges import (
    ASKED,
    EACH,
    PROTOCOLS,
    TEXT,
    TOKEN,
    Asked,
    get,
    meta,
    okta,
    send,
    signed,
    slack,
    toggl,
    verifier,
    zoom,
)
from tests.webhooks.samples import NOW, SECRET, Delivery, github, mac


def content_of(body: bytes, expected: str | dict[str, str]) -> Any:
    return body.decode() if isinstance(expected, str) else json.loads(body)


@EACH
@PROTOCOLS
def test_a_verification_request_gets_the_answer_that_the_vendor_expects(
    protocol: str, asked: Asked, events: Events
) -> None:
    got = send(protocol, verifier(asked.scheme), asked.delivery(TEXT), events)
    expected = asked.answer(TEXT)
    text = isinstance(expected, str)
    assert got.status == 200
    assert got.headers == {
        "content-type": "text/plain; charset=utf-8" if text else "application/json",
        "content-length": str(len(got.body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    assert content_of(got.body, expected) == expected
    assert got.passed_on == 0
    assert [event[:3] for event in events] == [
        ("challenged", asked.proof, f"webhook:{asked.scheme}")
    ]


@EACH
@PROTOCOLS
def test_a_body_is_parsed_once(
    protocol: str, asked: Asked, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, delivery, loads = verifier(asked.scheme), asked.delivery(TEXT), Mock(wraps=json.loads)
    monkeypatch.setattr(json, "loads", loads)
    send(protocol, receiver, delivery, events)
    receiver.answer_challenge(**delivery._asdict())
    assert loads.call_count == (2 if delivery.body else 0)


def test_each_format_with_a_challenge_is_asked() -> None:
    schemes = map(WebhookScheme.load, webhook_scheme_slugs())
    assert sorted(asked.scheme for asked in ASKED) == [
        scheme.slug
        for scheme in schemes
        if scheme.challenge is not None and scheme.challenge.place != "head"
    ]


@EACH
@PROTOCOLS
def test_a_repeated_verification_request_is_answered_again(protocol: str, asked: Asked) -> None:
    """It is not remembered as a delivery would be."""
    own = verifier(asked.scheme)
    bodies = [send(protocol, own, asked.delivery(TEXT)).body for _ in range(3)]
    assert len({*bodies}) == 1
    assert bodies[0]


@PROTOCOLS
@pytest.mark.parametrize(
    ("scheme", "delivery"),
    [
        ("slack", slack(kind="event_callback")),
        ("zoom", zoom(event="meeting.started")),
        ("toggl", toggl(payload="time_entry")),
        ("toggl", toggl(text=None)),  # the URL is verified
    ],
)
def test_other_deliveries_with_the_same_members_reach_the_application(
    protocol: str, scheme: str, delivery: Delivery, events: Events
) -> None:
    got = send(protocol, verifier(scheme), delivery, events)
    assert (got.status, got.passed_on) == (200, 1)
    assert [event.name for event in events] == ["verified"]


@PROTOCOLS
@pytest.mark.parametrize(
    ("scheme", "delivery"),
    [
        ("dropbox", get({"challenge": TEXT})._replace(method="POST")),
        ("dropbox", get({"challenge": TEXT})._replace(method="HEAD")),
        ("dropbox", get({"challenges": TEXT})),
        ("dropbox", get("")),
        ("meta", meta(mode="unsubscribe")),
        ("meta", get({"hub.challenge": TEXT, "hub.verify_token": TOKEN})),
        ("okta", okta()._replace(headers={})),
        ("twitter", get({"challenge": TEXT})),
        ("github", get({"challenge": TEXT})),
        ("slack", slack()._replace(method="GET", headers={})),
    ],
)
def test_other_requests_without_a_signature_are_refused(
    protocol: str, scheme: str, delivery: Delivery, events: Events
) -> None:
    got = send(protocol, verifier(scheme), delivery, events)
    assert (got.status, got.passed_on) == (401, 0)
    assert [event[:2] for event in events] == [("refused", "missing")]


@PROTOCOLS
def test_parameters_of_the_url_itself_are_ignored(protocol: str) -> None:
    got = send(protocol, verifier("dropbox"), get({"tenant": "5", "challenge": TEXT, "v": ""}))
    assert got.body == TEXT.encode()


# The verify token


@PROTOCOLS
@pytest.mark.parametrize("token", ["", "another", TOKEN + "x", TOKEN.upper(), "\u20ac", "\0"])
def test_another_verify_token_is_refused(protocol: str, token: str, events: Events) -> None:
    got = send(protocol, verifier("meta"), meta(token=token), events)
    assert (got.status, json.loads(got.body)["type"]) == (
        401, "urn:countermark:problem:webhook_token_mismatch"
    )  # fmt: skip
    assert TEXT.encode() not in got.body
    assert [event[:2] for event in events] == [("refused", "token_mismatch")]


@PROTOCOLS
def test_a_request_without_a_verify_token_is_refused(protocol: str) -> None:
    got = send(protocol, verifier("meta"), get({"hub.mode": "subscribe", "hub.challenge": TEXT}))
    assert got.status == 401
    assert b"token_mismatch" in got.body


@PROTOCOLS
def test_without_a_configured_verify_token_each_request_is_refused(
    protocol: str, events: Events
) -> None:
    own = verifier("meta", verify_token=None)
    for token in (TOKEN, ""):
        assert send(protocol, own, meta(token=token), events).status == 401
    assert [event[:2] for event in events] == [("refused", "no_verify_token")] * 2


def test_the_next_verify_token_is_accepted_too() -> None:
    own = verifier("meta", verify_token=Keyring("the-one-before", next=TOKEN))
    for token in (TOKEN, "the-one-before"):
        assert send("asgi", own, meta(token=token)).status == 200


def test_the_verify_token_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("META_APP_SECRET", SECRET)
    monkeypatch.delenv("META_VERIFY_TOKEN", raising=False)
    assert send("asgi", WebhookVerifier.from_env("meta"), meta()).status == 401
    monkeypatch.setenv("META_VERIFY_TOKEN", TOKEN)
    assert send("asgi", WebhookVerifier.from_env("meta"), meta()).body == TEXT.encode()


@pytest.mark.parametrize(
    ("scheme", "token"),
    [
        ("dropbox", Keyring(TOKEN)),
        ("github", Keyring(TOKEN)),
        ("meta", TOKEN),
        ("meta", 5),
        ("meta", Keyring(PrivateKey(private_key("ES256")[0]))),
    ],
)
def test_a_verify_token_that_does_not_fit_is_an_error(scheme: str, token: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        WebhookVerifier(scheme, Keyring(SECRET), verify_token=token)
    assert TOKEN not in str(caught.value)


@PROTOCOLS
@pytest.mark.parametrize("token", [TOKEN, f"{TOKEN}-wrong"])
def test_the_verify_token_is_removed_from_the_request(protocol: str, token: str) -> None:
    """Servers write the query of the scope or the environ to their access logs."""
    target = meta(token=token).path
    changes: Any = {"RAW_URI": target, "REQUEST_URI": target} if protocol == "wsgi" else {}
    got = send(protocol, verifier("meta"), meta(token=token), **changes)
    assert TOKEN not in repr(got.request)
    assert "/hooks" in repr(got.request)


@PROTOCOLS
def test_the_query_of_a_delivery_stays(protocol: str) -> None:
    code = mac(SECRET.encode(), b"{}").hex()
    delivery = Delivery({"X-Hub-Signature-256": f"sha256={code}"}, b"{}", path="/hooks?tenant=5")
    got = send(protocol, verifier("meta"), delivery)
    assert got.passed_on == 1
    assert "tenant=5" in repr(got.request)


# Signed ones


@PROTOCOLS
@pytest.mark.parametrize("make", [slack, zoom])
def test_a_verification_request_with_another_signature_is_refused(
    protocol: str, make: Any, events: Events
) -> None:
    scheme = "slack" if make is slack else "zoom"
    own = verifier(scheme)
    for delivery in (make(secret="another-" + SECRET), make(at=NOW - 301), make(at=NOW + 301)):
        got = send(protocol, own, delivery, events)
        assert (got.status, got.passed_on) == (401, 0)
        assert TEXT.encode() not in got.body
    assert [event[:2] for event in events] == [
        ("refused", "mismatch"), ("refused", "expired"), ("refused", "not_yet_valid")
    ]  # fmt: skip


def test_the_answer_is_signed_with_the_key_that_signed_the_request() -> None:
    """While the vendor rotates its secret, it expects the one that it uses itself."""
    ring = Keyring("the-old-" + SECRET, next=SECRET)
    own = WebhookVerifier("zoom", ring, clock=lambda: NOW)
    got = json.loads(send("asgi", own, zoom()).body)
    assert got["encryptedToken"] == mac(SECRET.encode(), TEXT.encode()).hex()
    older = zoom(secret="the-old-" + SECRET)
    got = json.loads(send("asgi", own, older).body)
    assert got["encryptedToken"] == mac(f"the-old-{SECRET}".encode(), TEXT.encode()).hex()


def test_the_answer_to_an_unsigned_request_is_signed_with_the_current_key() -> None:
    own = WebhookVerifier("twitter", Keyring(SECRET, previous="the-old-" + SECRET))
    got = json.loads(send("asgi", own, get({"crc_token": TEXT})).body)
    assert got == ASKED[-1].answer(TEXT)


# Without a middleware


@EACH
def test_a_verifier_answers_without_a_middleware(asked: Asked) -> None:
    answer = verifier(asked.scheme).answer_challenge(**asked.delivery(TEXT)._asdict())
    assert answer is not None
    assert content_of(answer.body, asked.answer(TEXT)) == asked.answer(TEXT)
    assert ("X-Content-Type-Options", "nosniff") in answer.headers
    assert repr(answer) == f"<ChallengeAnswer proof={asked.proof}>"


@EACH
def test_verify_takes_no_unsigned_verification_request_for_a_delivery(asked: Asked) -> None:
    own, delivery = verifier(asked.scheme), asked.delivery(TEXT)
    if asked.proof == "signature" or asked.scheme == "okta":  # Okta's has the secret
        assert own.verify(**delivery._asdict()).scheme == asked.scheme
    else:
        with pytest.raises(BadWebhook, match="missing"):
            own.verify(**delivery._asdict())


@pytest.mark.parametrize(
    ("scheme", "delivery"),
    [
        ("github", github()),
        ("meta", github()),
        ("slack", slack(kind="event_callback")),
        ("slack", signed(b"payload=%7B%7D", "x-slack")),
        ("slack", slack(kind="event_callback")._replace(headers={})),
        ("slack", slack()._replace(body="\ud800")),  # type: ignore[arg-type]
    ],
)
def test_there_is_no_answer_to_a_delivery(scheme: str, delivery: Delivery) -> None:
    assert verifier(scheme).answer_challenge(**delivery._asdict()) is None


@pytest.mark.parametrize(
    ("scheme", "delivery", "code"),
    [
        ("meta", meta(token="another"), "token_mismatch"),
        ("slack", slack()._replace(headers={}), "missing"),
        ("slack", slack(secret="another-" + SECRET), "mismatch"),
        ("zoom", zoom(text="<b>"), "malformed"),
    ],
)
def test_the_error_of_a_refused_verification_request_has_the_code(
    scheme: str, delivery: Delivery, code: str
) -> None:
    with pytest.raises(BadWebhook) as caught:
        verifier(scheme).answer_challenge(**delivery._asdict())
    assert caught.value.code == code
