"""The table [challenge] of a webhook scheme, and errors that name the wrong key."""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Any

import pytest

from countermark import InvalidScheme
from countermark.webhooks import WebhookScheme
from tests.conftest import Events
from tests.webhooks.challenges import TEXT, get, send, signed, verifier
from tests.webhooks.samples import SECRET, Delivery
from tests.webhooks.test_scheme import HMAC_SCHEME, HTTP_SCHEME, SECRET_SCHEME

MAC_OF_BODY: dict[str, Any] = {
    "slug": "own",
    "kind": "hmac",
    "signature": {
        "header": "X-Own", "algorithm": "sha512", "encoding": "base64", "message": "{body}"
    },
}  # fmt: skip
QUERY = {"query": "challenge", "answer": "{challenge}"}
BODY = {"body": "challenge", "when": {"type": "verify"}, "answer": "{challenge}"}


def scheme(challenge: Any, base: dict[str, Any] = MAC_OF_BODY) -> WebhookScheme:
    return WebhookScheme.from_mapping({**base, "challenge": challenge})


def test_a_text_may_stand_around_the_challenge() -> None:
    own = verifier(scheme({**QUERY, "answer": "challenge={challenge};{mac}"}))
    got = send("asgi", own, get({"challenge": "a"}))
    code, _, tail = got.body.decode().removeprefix("challenge=a;").partition("==")
    assert len(code) == 86
    assert tail == ""


def test_several_parameters_and_members_may_be_compared() -> None:
    own = verifier(scheme({**QUERY, "when": {"mode": "on", "version": "2"}}))
    good = {"challenge": TEXT, "mode": "on", "version": "2"}
    assert send("asgi", own, get(good)).body == TEXT.encode()
    for name in ("mode", "version"):
        assert send("asgi", own, get({**good, name: "other"})).status == 401


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_a_head_request_is_answered_without_a_body(protocol: str, events: Events) -> None:
    own = verifier(scheme({"head": True}))
    got = send(protocol, own, get("")._replace(method="HEAD"), events)
    assert (got.status, got.body, got.passed_on) == (200, b"", 0)
    assert got.headers["content-length"] == "0"
    assert send(protocol, own, get(""), events).status == 401
    assert [event[:2] for event in events] == [("challenged", "unsigned"), ("refused", "missing")]


@pytest.mark.parametrize("slug", ["circle", "mailchimp-transactional", "trello"])
def test_vendors_send_a_head_request(slug: str) -> None:
    challenge = WebhookScheme.load(slug).challenge
    assert challenge is not None
    assert challenge.place == "head"


def test_a_dot_leads_into_an_inner_object() -> None:
    challenge = {**BODY, "body": "a.b", "when": {"subscription.status": "pending"}}
    own = verifier(scheme(challenge, SECRET_SCHEME))
    for status, answer in (("pending", b"x-1"), ("enabled", b"ok")):
        body = f'{{"a":{{"b":"x-1"}},"subscription":{{"status":"{status}"}}}}'.encode()
        assert send("asgi", own, Delivery({"X-Own": SECRET}, body)).body == answer


def test_a_header_needs_no_query_but_may_have_one() -> None:
    challenge = {"header": "X-Challenge", "when": {"verify": "1"}, "answer": {"v": "{challenge}"}}
    own = verifier(scheme(challenge, SECRET_SCHEME))
    asked = get({"verify": "1"}, {"X-Challenge": TEXT})
    assert send("wsgi", own, asked).body == f'{{"v":"{TEXT}"}}'.encode()
    assert send("wsgi", own, asked._replace(path="/hooks")).status == 401


@pytest.mark.parametrize("base", [SECRET_SCHEME, MAC_OF_BODY])
def test_each_kind_of_scheme_may_have_a_challenge_in_the_body(base: dict[str, Any]) -> None:
    body = b'{"type":"verify","challenge":"a-b"}'
    code = mac512(body) if base is MAC_OF_BODY else SECRET
    got = send("asgi", verifier(scheme(BODY, base)), Delivery({"X-Own": code}, body))
    assert (got.body, got.passed_on) == (b"a-b", 0)


def mac512(body: bytes) -> str:
    return b64encode(hmac.digest(SECRET.encode(), body, "sha512")).decode()


def test_a_scheme_of_http_signatures_may_have_a_challenge() -> None:
    found = WebhookScheme.from_mapping({**HTTP_SCHEME, "challenge": QUERY}).challenge
    assert found is not None
    assert (found.place, found.name, found.signs) == ("query", "challenge", False)


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        ({}, "give exactly one of query, header, body and head"),
        ({**QUERY, "header": "X-A"}, "give exactly one of query, header, body and head"),
        ({**QUERY, "head": True}, "give exactly one of query, header, body and head"),
        ({"head": False}, "head must be true"),
        ({"head": "true"}, "head must be of type bool"),
        ({"head": True, "answer": "{challenge}"}, "unknown key"),
        ({**QUERY, "query": ""}, "query: invalid name"),
        ({**QUERY, "query": 5}, "query must be of type str"),
        ({"header": "X A", "answer": "{challenge}"}, "header: invalid name"),
        ({"query": "challenge"}, "answer must hold {challenge} or {mac}"),
        ({**QUERY, "answer": "ok"}, "answer must hold {challenge} or {mac}"),
        ({**QUERY, "answer": {"a": "ok"}}, "answer must hold {challenge} or {mac}"),
        ({**QUERY, "answer": {"a": 5}}, "a must be of type str"),
        ({**QUERY, "answer": "{body}"}, "no other placeholder"),
        ({**QUERY, "answer": "{challenge?}"}, "no other placeholder"),
        ({**QUERY, "answer": "{challenge"}, "a brace has no partner"),
        ({**QUERY, "answer": 5}, "answer must be of type dict"),
        ({**QUERY, "when": {"a": 5}}, "a must be of type str"),
        ({**QUERY, "token": {"query": "t"}}, "variable is missing"),
        ({**QUERY, "token": {"query": "t", "variable": ""}}, "query or variable is empty"),
        ({**QUERY, "token": {"query": "t", "variable": "T", "more": 1}}, "unknown key"),
        ({**QUERY, "more": 1}, "unknown key"),
        ({**BODY, "token": {"query": "t", "variable": "T"}}, "[token] belongs to a request"),
        ({"body": "challenge", "answer": "{challenge}"}, "[when] is missing"),
        (5, "challenge must be of type dict"),
    ],
)
def test_a_wrong_challenge_is_an_error_that_names_it(challenge: Any, expected: str) -> None:
    with pytest.raises(InvalidScheme) as caught:
        scheme(challenge)
    assert expected in str(caught.value)
    assert str(caught.value).startswith("webhook scheme own: ")


@pytest.mark.parametrize("base", [SECRET_SCHEME, HTTP_SCHEME])
def test_only_a_scheme_with_a_mac_signs_challenges(base: dict[str, Any]) -> None:
    with pytest.raises(InvalidScheme, match="kind = "):
        scheme({**QUERY, "answer": "{mac}"}, base)
    assert scheme({**QUERY, "answer": "{mac}"}, HMAC_SCHEME).challenge


def test_a_signed_challenge_is_compared_with_texts_only() -> None:
    """A number is not its text."""
    own = verifier(scheme({**BODY, "when": {"type": "1"}}, {**MAC_OF_BODY, "signature": {
        "header": "x-zm-signature", "algorithm": "sha256", "encoding": "hex", "prefix": "v0=",
        "message": "v0:1700000000:{body}",
    }}))  # fmt: skip
    for text, passed_on in ((b'"1"', 0), (b"1", 1), (b"true", 1)):
        body = b'{"challenge":"a","type":' + text + b"}"
        assert send("asgi", own, signed(body, "x-zm")).passed_on == passed_on
