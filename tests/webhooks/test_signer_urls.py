"""Signed deliveries of formats that sign the method, the URL or the parameters."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import BadWebhook, ConfigurationError, Keyring
from countermark.webhooks import WebhookSigner, WebhookVerifier
from tests.webhooks.samples import BASE_URL, NOW, SECRET

RING = Keyring(SECRET)


def signer(slug: str) -> WebhookSigner:
    return WebhookSigner(slug, RING, base_url=BASE_URL, clock=lambda: NOW)


def code(slug: str, headers: dict[str, str], body: bytes, **given: Any) -> str:
    verifier = WebhookVerifier(slug, RING, base_url=BASE_URL, clock=lambda: NOW)
    try:
        verifier.verify(headers=headers, body=body, **given)
    except BadWebhook as refused:
        return refused.code
    return "verified"


def test_the_method_and_the_url_are_signed() -> None:
    sent = {"method": "PUT", "path": "/a%2Fb?x=1"}
    headers = signer("hubspot").sign(b"[]", **sent)
    assert code("hubspot", headers, b"[]", **sent) == "verified"
    assert code("hubspot", headers, b"[]", **{**sent, "method": "POST"}) == "mismatch"
    assert code("hubspot", headers, b"[]", **{**sent, "path": "/a%2Fb?x=2"}) == "mismatch"


def test_the_parameters_of_a_form_are_signed() -> None:
    headers = signer("twilio").sign(b"b=2&a=1", path="/sms")
    assert code("twilio", headers, b"a=1&b=2", path="/sms") == "verified"
    assert code("twilio", headers, b"a=1&b=3", path="/sms") == "mismatch"


def test_a_hash_of_the_body_in_the_url_is_signed() -> None:
    path = "/sms?bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    headers = signer("twilio").sign(b"{}", path=path)
    assert code("twilio", headers, b"{}", path=path) == "verified"
    with pytest.raises(ConfigurationError, match="twilio: receivers refuse such a delivery"):
        signer("twilio").sign(b"[]", path=path)


@pytest.mark.parametrize(
    ("slug", "given"),
    [
        ("hubspot", {"body": b"[]", "method": "post"}),
        ("hubspot", {"body": b"[]", "path": "/é"}),
        ("hubspot", {"body": b"text"}),
        ("twilio", {"body": b"no form"}),
    ],
)
def test_a_delivery_that_receivers_refuse_is_not_signed(slug: str, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"{slug}: receivers refuse such a delivery"):
        signer(slug).sign(**given)


def test_the_base_of_the_url_is_required_if_it_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="square signs the URL: give base_url="):
        WebhookSigner("square", RING)
    with pytest.raises(ConfigurationError, match="github does not sign a URL"):
        WebhookSigner("github", RING, base_url=BASE_URL)
    monkeypatch.setenv("SQUARE_WEBHOOK_SIGNATURE_KEY", SECRET)
    own = WebhookSigner.from_env("square", base_url=BASE_URL)
    assert code("square", own.sign(b"{}", path="/a"), b"{}", path="/a") == "verified"
