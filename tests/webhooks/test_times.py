"""The places and forms of a signed time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from countermark import Keyring
from countermark.webhooks import WebhookScheme, WebhookVerifier
from tests.webhooks.outcomes import code
from tests.webhooks.samples import NOW, SECRET, Delivery, base64, mac

KEY = SECRET.encode()
AT = int(NOW)
ENTRIES: dict[str, Any] = {
    "slug": "entries",
    "kind": "hmac",
    "signature": {
        "header": "X-Own", "algorithm": "sha256", "encoding": "hex", "prefix": "v1=",
        "separator": ",", "message": "{timestamp}.{body}",
    },
    "timestamp": {"entry": "t=", "tolerance": 60},
    "id": {"body": "event.id"},
}  # fmt: skip
IN_BODY: dict[str, Any] = {
    "slug": "in-body",
    "kind": "hmac",
    "signature": {
        "header": "X-Own", "algorithm": "sha256", "encoding": "hex", "message": "{body}"
    },
    "timestamp": {"body": "sent.at", "form": "milliseconds", "tolerance": 60},
}  # fmt: skip
DATED: dict[str, Any] = {
    "slug": "dated",
    "kind": "hmac",
    "signature": {
        "header": "X-Own", "algorithm": "sha256", "encoding": "base64",
        "message": "{timestamp}{body}",
    },
    "timestamp": {"header": "X-Time", "form": "rfc3339", "tolerance": 60},
}  # fmt: skip
BODY = b'{"event":{"id":"evt-1"}}'


def verifier(data: dict[str, Any]) -> WebhookVerifier:
    scheme = WebhookScheme.from_mapping(data)
    return WebhookVerifier(scheme, Keyring(SECRET), clock=lambda: NOW)


def entries(at: str = str(AT), form: str = "t={at},v1={mac}") -> Delivery:
    made = mac(KEY, f"{at}.".encode() + BODY).hex()
    return Delivery({"X-Own": form.format(at=at, mac=made, other="0" * 64)}, BODY)


def in_body(sent: object) -> Delivery:
    body = json.dumps({"sent": sent}).encode()
    return Delivery({"X-Own": mac(KEY, body).hex()}, body)


def dated(at: str, signed: bytes | None = None, body: bytes = BODY) -> Delivery:
    made = base64(mac(KEY, at.encode() + body if signed is None else signed))
    return Delivery({"X-Own": made, "X-Time": at}, body)


def test_a_time_and_an_inner_id_are_read_from_the_header_of_the_signatures_and_the_body() -> None:
    verified = verifier(ENTRIES).verify(**entries()._asdict())
    assert (verified.timestamp, verified.delivery_id) == (AT, "evt-1")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("v1={mac},t={at}", "verified"),
        ("t={at},v1={other},v1={mac},v0={other}", "verified"),
        ("t={at},v1={other}", "mismatch"),
        ("v1={mac}", "malformed"),
        ("t={at}", "malformed"),
        ("t={at},,v1={mac}", "malformed"),
        ("t={at}, v1={mac}", "malformed"),
        ("t={at},t={at},v1={mac}", "ambiguous"),
        ("t={at},v1={mac},t=1,v1={other}", "ambiguous"),
        ("t=0{at},v1={mac}", "malformed"),
        ("t=+{at},v1={mac}", "malformed"),
        ("t=1,v1={mac}", "mismatch"),
    ],
)
def test_a_header_with_a_time_and_signatures_has_one_valid_time(form: str, expected: str) -> None:
    assert code(verifier(ENTRIES), entries(form=form)) == expected


def test_a_time_in_the_header_of_the_signatures_must_be_recent() -> None:
    own = verifier(ENTRIES)
    assert code(own, entries(str(AT - 60))) == code(own, entries(str(AT + 60))) == "verified"
    assert code(own, entries(str(AT - 61))) == "expired"
    assert code(own, entries(str(AT + 61))) == "not_yet_valid"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"at": AT * 1000 + 999}, "verified"),
        ({"at": AT * 1000 - 60_001}, "expired"),
        ({"at": AT * 1000 + 60_001}, "not_yet_valid"),
        ({"at": AT}, "expired"),
        ({"at": 0}, "expired"),
        ({"at": -AT * 1000}, "malformed"),
        ({"at": str(AT * 1000)}, "malformed"),
        ({"at": AT * 1000.0}, "malformed"),
        ({"at": True}, "malformed"),
        ({"at": None}, "malformed"),
        ({"at": 10**15}, "malformed"),
        ({}, "malformed"),
        ("at", "malformed"),
    ],
)
def test_a_time_in_the_body_is_a_recent_number(sent: object, expected: str) -> None:
    assert code(verifier(IN_BODY), in_body(sent)) == expected


def test_a_body_that_lacks_its_time_is_refused_and_its_signature_is_checked_first() -> None:
    own = verifier(IN_BODY)
    for body in (b"", b"[]", b"{", b"[" * 9999):
        assert code(own, Delivery({"X-Own": mac(KEY, body).hex()}, body)) == "malformed"
        assert code(own, Delivery({"X-Own": mac(b"x", body).hex()}, body)) == "mismatch"


def test_a_time_of_the_body_may_be_a_date() -> None:
    own = verifier({**IN_BODY, "timestamp": {**IN_BODY["timestamp"], "form": "rfc3339"}})
    assert code(own, in_body({"at": "2023-11-14T22:13:20Z"})) == "verified"
    assert code(own, in_body({"at": AT})) == "malformed"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2023-11-14T22:13:20Z", "verified"),
        ("2023-11-14T22:13:20.1Z", "verified"),
        ("2023-11-14T22:13:20.123456789Z", "verified"),
        ("2023-11-14T22:12:19.999999999Z", "expired"),
        ("2023-11-14T22:13:20.Z", "malformed"),
        ("2023-11-14T22:13:20,1Z", "ambiguous"),
        ("2023-11-14T22:13:20.1234567890Z", "malformed"),
        ("2023-11-31T22:13:20.1Z", "malformed"),
    ],
)
def test_a_date_may_have_a_fraction_of_nine_digits(at: str, expected: str) -> None:
    form = {**DATED["timestamp"], "form": "rfc3339-nanoseconds"}
    assert code(verifier({**DATED, "timestamp": form}), dated(at)) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2023-11-14T22:13:20Z", "verified"),
        ("2023-11-14T22:12:19Z", "expired"),
        ("2023-11-14T22:14:21Z", "not_yet_valid"),
        ("2023-11-14T22:13:20+00:00", "malformed"),
        ("2023-11-14T22:13:20.0Z", "malformed"),
        ("2023-11-14 22:13:20Z", "malformed"),
        ("2023-11-14t22:13:20z", "malformed"),
        ("2023-02-30T22:13:20Z", "malformed"),
        (str(AT), "malformed"),
    ],
)
def test_a_date_has_one_valid_spelling(at: str, expected: str) -> None:
    assert code(verifier(DATED), dated(at)) == expected


def test_nothing_of_the_body_can_be_read_as_a_date_or_the_reverse() -> None:
    at = "2023-11-14T22:13:20Z"
    own = verifier(DATED)
    assert code(own, dated(at[:-1], at.encode() + BODY, b"Z" + BODY)) == "malformed"
    assert code(own, dated(at + "{", at.encode() + BODY, BODY[1:])) == "malformed"


def test_a_date_may_also_follow_the_body() -> None:
    signature = {**DATED["signature"], "message": "{body}{timestamp}"}
    at = "2023-11-14T22:13:20Z"
    assert code(verifier({**DATED, "signature": signature}), dated(at, BODY + at.encode())) == (
        "verified"
    )


def explained(data: dict[str, Any], delivery: Delivery) -> list[str]:
    return [one.code for one in verifier(data).explain(**delivery._asdict()).mistakes]


def test_a_refused_delivery_is_explained() -> None:
    assert explained(ENTRIES, entries(str(AT - 600))) == ["delivery_expired"]
    assert explained(IN_BODY, in_body({"at": (AT + 600) * 1000})) == ["delivery_not_yet_valid"]
    assert explained(DATED, dated("2023-11-14T22:00:00Z")) == ["delivery_expired"]
    changed = entries()._replace(body=BODY + b"\n")
    assert explained(ENTRIES, changed) == ["body_white_space"]
    changed = dated("2023-11-14T22:13:20Z")._replace(body=BODY + b"\n")
    assert explained(DATED, changed) == ["body_white_space"]
    changed = in_body({"at": AT * 1000})
    assert explained(IN_BODY, changed._replace(body=changed.body + b"\n")) == ["body_white_space"]
    assert explained(ENTRIES, entries(str(AT * 1000))) == ["time_unit"]
