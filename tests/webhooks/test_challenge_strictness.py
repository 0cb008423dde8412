"""An answer to a verification request helps nobody but the vendor."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import pytest

from countermark import BadWebhook, Event, Keyring
from countermark.webhooks import WebhookScheme, WebhookVerifier
from tests.webhooks.challenges import (
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
    verifier,
    zoom,
)
from tests.webhooks.outcomes import code, inside
from tests.webhooks.samples import NOW, SECRET, Delivery, base64, mac

MALFORMED = [
    "", " ", "<script>alert(1)</script>", "a b", "a\n", "\na", "a\r\nSet-Cookie: a=b", "é",
    "\u20ac", "\0", "{}", '{"a":1}', "[1]", '"a"', "a:b", "a,b", "a;b", "a&b", "a%20b", "a'b",
    "x" * 513,
]  # fmt: skip


def refusal(own: WebhookVerifier, delivery: Delivery, **changes: Any) -> str:
    """Return the code of the refusal of a verification request, or ``answered``."""
    try:
        answer = own.answer_challenge(**{**delivery._asdict(), **changes})
    except BadWebhook as error:
        return error.code
    return "a delivery" if answer is None else "answered"


@EACH
@pytest.mark.parametrize("text", MALFORMED)
def test_a_challenge_with_other_characters_is_refused(asked: Asked, text: str) -> None:
    # A server joins two headers by a comma.
    expected = "ambiguous" if asked.scheme == "okta" and text == "a,b" else "malformed"
    assert refusal(verifier(asked.scheme), asked.delivery(text)) == expected


@EACH
@pytest.mark.parametrize("text", ["0", "x" * 512, "a-._~+/=", "1158201444", "MDU4ZTBhNmI="])
def test_challenges_of_base64_and_uuids_are_answered(asked: Asked, text: str) -> None:
    answer = verifier(asked.scheme).answer_challenge(**asked.delivery(text)._asdict())
    assert answer is not None
    expected = asked.answer(text)
    if isinstance(expected, str):
        assert answer.body.decode() == expected
    else:
        assert json.loads(answer.body) == expected


@PROTOCOLS
@EACH
def test_a_malformed_challenge_is_not_repeated(protocol: str, asked: Asked) -> None:
    got = send(protocol, verifier(asked.scheme), asked.delivery("<b>hi</b>"))
    assert got.status == 401
    assert got.headers["content-type"] == "application/problem+json"
    assert b"hi" not in got.body


@pytest.mark.parametrize("make", [slack, zoom])
def test_a_challenge_that_is_a_number_is_refused(make: Any) -> None:
    own = verifier("slack" if make is slack else "zoom")
    assert refusal(own, make(text=5)) == "malformed"


@pytest.mark.parametrize("text", [None, True, ["a"], {"a": "b"}, 1.5])
@pytest.mark.parametrize("make", [slack, zoom])
def test_an_event_without_a_challenge_is_a_delivery(make: Any, text: Any) -> None:
    own = verifier("slack" if make is slack else "zoom")
    assert refusal(own, make(text=text)) == "a delivery"
    assert code(own, make(text=text)) == "verified"


@pytest.mark.parametrize(
    "query",
    [
        "hub.mode=subscribe&hub.mode=subscribe&hub.challenge=1&hub.verify_token=" + TOKEN,
        f"hub.mode=subscribe&hub.challenge=1&hub.challenge=1&hub.verify_token={TOKEN}",
        f"hub.mode=subscribe&hub.challenge=1&hub.verify_token=x&hub.verify_token={TOKEN}",
        f"hub.mode=subscribe&hub.challenge=1&hub%2echallenge=2&hub.verify_token={TOKEN}",
        f"hub.mode=subscribe&hub.challenge=1&hub.challenge=&hub.verify_token={TOKEN}",
    ],
)
def test_a_parameter_that_is_there_twice_is_refused(query: str) -> None:
    assert refusal(verifier("meta"), get(query)) == "ambiguous"


def test_a_header_that_is_there_twice_is_refused() -> None:
    own, one = verifier("okta"), okta()
    twice = [*one.headers.items(), ("x-okta-verification-challenge", TEXT)]
    assert refusal(own, one, headers=twice) == "ambiguous"
    assert refusal(own, one, headers={"X-Okta-Verification-Challenge": "a,b"}) == "ambiguous"
    assert refusal(own, one, headers={"x_okta_verification_challenge": "a"}) == "ambiguous"


@pytest.mark.parametrize(
    "query",
    [
        "challenge=%ff", "challenge=%c3", "a=%ff&challenge=a", "&" * 40 + "challenge=a",
        "a=1&" * 33 + "challenge=a",
        "challenge=a%00", "challenge=a+b", "challenge=%2525",
    ],
)  # fmt: skip
def test_other_queries_are_refused(query: str) -> None:
    assert refusal(verifier("dropbox"), get(query)) == "malformed"


# The MAC of a text that anyone may choose


def signature_of_x(text: str) -> str:
    """Return the answer that a person gets for a text, without any proof."""
    answer = verifier("twitter").answer_challenge(**get({"crc_token": text})._asdict())
    assert answer is not None
    signature: str = json.loads(answer.body)["response_token"]
    return signature


@pytest.mark.parametrize("text", ["1", "null", "true", "a", "a=b", "-1", "1e5", "x" * 512])
def test_the_mac_of_a_challenge_is_not_the_signature_of_a_delivery(text: str) -> None:
    """The format signs the body alone with the same key, so these signatures match."""
    signature = signature_of_x(text)
    assert signature == f"sha256={base64(mac(SECRET.encode(), text.encode()))}"
    forged = Delivery({"x-twitter-webhooks-signature": signature}, text.encode())
    assert code(verifier("twitter"), forged) == "malformed"


@pytest.mark.parametrize("text", ["1", "null", "a=b", "x" * 501])
def test_a_challenge_with_the_prefix_of_a_message_helps_no_delivery(text: str) -> None:
    """The MAC of such a challenge matches, and its text could not be a JSON object."""
    own = verifier("linkedin")
    asked = get({"challengeCode": f"hmacsha256={text}"})
    answer = own.answer_challenge(**asked._asdict())
    assert answer is not None
    forged = Delivery(
        {"X-LI-Signature": json.loads(answer.body)["challengeResponse"]}, text.encode()
    )
    assert code(own, forged) == "malformed"
    bare = own.answer_challenge(**get({"challengeCode": text})._asdict())
    assert bare is not None
    forged.headers["X-LI-Signature"] = json.loads(bare.body)["challengeResponse"]
    assert code(own, forged) == "mismatch"


@pytest.mark.parametrize("body", [b'{"a":1}', b"[]", b'"a"', b"a b", b"\n", b"\xff", b"a&b=c"])
def test_no_mac_is_made_of_the_body_of_a_delivery(body: bytes) -> None:
    signature = f"sha256={base64(mac(SECRET.encode(), body))}"
    real = Delivery({"x-twitter-webhooks-signature": signature}, body)
    assert code(verifier("twitter"), real) == "verified"
    text = body.decode("latin-1")
    assert refusal(verifier("twitter"), get({"crc_token": text})) == "malformed"


@pytest.mark.parametrize("body", [b"", b"abc", b"x" * 600])
def test_a_body_that_could_be_a_challenge_is_refused(body: bytes) -> None:
    for scheme, start in (("zoom", "x-zm"), ("slack", "x-slack")):
        expected = "malformed" if scheme == "zoom" else "verified"  # Slack gets no MAC
        assert code(verifier(scheme), signed(body, start)) == expected
        wrong = signed(body, start, secret="another-" + SECRET)
        assert code(verifier(scheme), wrong) == "mismatch"


# What is secret


@PROTOCOLS
@pytest.mark.parametrize("token", [TOKEN, f"{TOKEN}-wrong", ""])
def test_no_log_record_and_no_event_has_the_verify_token(
    protocol: str, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    got = send(protocol, verifier("meta"), meta(token=token), events.append)
    shown = repr([events, caplog.records, [vars(record) for record in caplog.records], got])
    assert events
    assert TOKEN not in shown
    assert SECRET not in shown


def test_a_traceback_of_a_refused_verification_request_has_no_verify_token() -> None:
    own = verifier("meta")
    with pytest.raises(BadWebhook) as caught:
        own.answer_challenge(**meta(token=f"{TOKEN}-wrong")._asdict())
    assert TOKEN not in inside(caught.value)
    assert TOKEN not in repr(own)
    assert SECRET not in inside(caught.value)


def test_an_error_of_an_argument_has_no_verify_token() -> None:
    with pytest.raises(Exception, match="must be") as caught:
        verifier("meta").answer_challenge(headers=5, path=meta().path)  # type: ignore[arg-type]
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert TOKEN not in inside(caught.value)


def test_a_scheme_shows_no_verify_token() -> None:
    scheme = WebhookScheme.load("meta")
    own = WebhookVerifier(scheme, Keyring(SECRET), verify_token=Keyring(TOKEN), clock=lambda: NOW)
    assert TOKEN not in repr([scheme, own, scheme.challenge])
