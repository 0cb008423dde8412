"""MACs in the body, which prove an id and a time in the body, and nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any
from unittest.mock import Mock

import pytest

from countermark import InvalidScheme, Keyring, SecretKey
from countermark.explain import explain_webhook
from countermark.explain._input import seen_delivery
from countermark.webhooks import WebhookScheme, WebhookVerifier
from tests.webhooks.outcomes import code
from tests.webhooks.samples import NOW, SECRET, Delivery, mac

AT = str(int(NOW))
SCHEME: dict[str, Any] = {
    "slug": "own",
    "kind": "body-hmac",
    "signature": {
        "member": "proof.mac", "algorithm": "sha256", "encoding": "hex",
        "message": "{timestamp}{id}",
    },
    "timestamp": {"body": "proof.at", "form": "seconds-text", "tolerance": 60},
    "id": {"body": "proof.token"},
}  # fmt: skip


def verifier(ring: Keyring | None = None, **signature: Any) -> WebhookVerifier:
    data = {**SCHEME, "signature": {**SCHEME["signature"], **signature}}
    scheme = WebhookScheme.from_mapping(data)
    return WebhookVerifier(scheme, ring or Keyring(SECRET), clock=lambda: NOW)


def delivery(signed: str | None = None, key: str = SECRET, **proof: Any) -> Delivery:
    made = {"at": AT, "token": "a" * 50, **proof}
    text = f"{made['at']}{made['token']}" if signed is None else signed
    made = {"mac": mac(key.encode(), text.encode()).hex(), **made}
    return Delivery({}, json.dumps({"proof": made, "event": "delivered"}).encode())


def test_the_id_and_the_time_are_proven_and_nothing_else() -> None:
    own = verifier()
    verified = own.verify(**delivery()._asdict())
    assert (verified.delivery_id, verified.timestamp) == ("a" * 50, NOW)
    other = delivery()._replace(body=delivery().body.replace(b"delivered", b"failed"))
    assert code(own, other) == "verified"
    assert code(own, delivery("x")) == "mismatch"
    assert code(own, delivery(key="another-" + SECRET)) == "mismatch"
    retired = Keyring("another-" + SECRET, previous=SecretKey(SECRET, until=NOW))
    assert code(verifier(retired), delivery()) == "retired_key"


def test_the_body_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    own, both, loads = verifier(), (delivery(), delivery("x")), Mock(wraps=json.loads)
    monkeypatch.setattr(json, "loads", loads)
    assert [code(own, one) for one in both] == ["verified", "mismatch"]
    assert loads.call_count == 2


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        ({"at": str(int(NOW) - 61)}, "expired"),
        ({"at": str(int(NOW) + 61)}, "not_yet_valid"),
        ({"at": int(NOW)}, "malformed"),
        ({"at": f"0{AT}"}, "malformed"),
        ({"at": None}, "malformed"),
        ({"token": ""}, "malformed"),
        ({"token": 5}, "malformed"),
        ({"token": "a b"}, "malformed"),
        ({"mac": None}, "malformed"),
        ({"mac": 5}, "malformed"),
        ({"mac": "0" * 63}, "malformed"),
        ({"mac": "A" * 64}, "malformed"),
        ({"mac": "0" * 64}, "mismatch"),
    ],
)
def test_each_value_has_one_spelling(proof: dict[str, Any], expected: str) -> None:
    assert code(verifier(), delivery(**proof)) == expected


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"proof":1}', b"[" * 9999])
def test_a_body_without_a_proof_is_malformed(body: bytes) -> None:
    assert code(verifier(), Delivery({}, body)) == "malformed"


def test_a_text_may_be_between_the_time_and_the_id() -> None:
    own = verifier(message="{timestamp}.{id}")
    assert code(own, delivery(f"{AT}.{'a' * 50}")) == "verified"
    assert code(own, delivery()) == "mismatch"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "add body to"),
        ({"id": {"header": "X-Id"}}, "add body to"),
        ({"timestamp": None}, "add body to"),
        ({"timestamp": {"header": "X-At", "tolerance": 5}}, "add body to"),
        ({"signature": {**SCHEME["signature"], "message": "{id}{timestamp}"}}, "message: write"),
        ({"signature": {**SCHEME["signature"], "message": "{timestamp}5{id}"}}, "message: write"),
        ({"signature": {**SCHEME["signature"], "message": "{timestamp}{body}"}}, "message: write"),
        ({"signature": {**SCHEME["signature"], "header": "X-A"}}, "unknown key"),
        ({"url": {"any_port": True}}, "is for a message with"),
    ],
)
def test_an_invalid_scheme_is_refused(changes: dict[str, Any], reason: str) -> None:
    data = {key: value for key, value in {**SCHEME, **changes}.items() if value is not None}
    with pytest.raises(InvalidScheme, match=reason):
        WebhookScheme.from_mapping(data)


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        (delivery(), ()),
        (delivery(key=SECRET + "\n"), ("secret_white_space",)),
        (delivery(at=str(int(NOW) - 120)), ("delivery_expired",)),
        (delivery(mac=base64.b64encode(mac(SECRET.encode(), f"{AT}{'a' * 50}".encode())).decode()),
         ("code_encoding",)),
        (delivery("x"), ()),
        (delivery(token=5), ()),
    ],
)  # fmt: skip
def test_a_mistake_is_named(given: Delivery, codes: tuple[str, ...]) -> None:
    scheme = WebhookScheme.from_mapping(SCHEME)
    found = explain_webhook(scheme, Keyring(SECRET), headers={}, body=given.body, clock=lambda: NOW)
    assert found.codes == codes


def test_a_request_without_headers_of_the_scheme_is_read() -> None:
    raw = b"POST /hooks HTTP/1.1\r\nHost: a.example\r\n\r\n" + delivery().body
    seen = seen_delivery(WebhookScheme.from_mapping(SCHEME), raw)
    assert code(verifier(), Delivery(dict(seen.headers), seen.body)) == "verified"
