"""Signatures of private keys that the vendors' own code verifies, and what else it accepts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.crosschecks.deliveries import accepts, bodies
from tests.webhooks.public_keys import public_key, sign
from tests.webhooks.samples import Delivery, base64

NOW = int(time.time())
AGES = (0, -100, 100, -400, 400)
SENDGRID = "X-Twilio-Email-Event-Webhook-"


def altered(delivery: Delivery) -> Iterator[tuple[Delivery, bool]]:
    """Yield a delivery, and the same with another body, time or signature; and if it is valid."""
    yield delivery, True
    yield delivery._replace(body=delivery.body + b"x"), False
    for name, value in delivery.headers.items():
        if "imestamp" in name:
            yield delivery._replace(headers={**delivery.headers, name: str(int(value) + 1)}), False


def same_answers(
    slug: str, key: str, sent: Callable[[str, int], Delivery], theirs: Callable[[Delivery], bool]
) -> None:
    """Compare the answers to deliveries of now, each also with something altered."""
    for body in bodies():
        for delivery, expected in altered(sent(body, NOW)):
            assert theirs(delivery) is expected
            assert accepts(slug, delivery, key, clock=lambda: NOW) is expected


def sendgrid(body: str, at: int) -> Delivery:
    signature = base64(sign("ecdsa-p256-sha256", f"{at}{body}".encode()))
    headers = {f"{SENDGRID}Signature": signature, f"{SENDGRID}Timestamp": str(at)}
    return Delivery(headers, body.encode())


def sendgrid_accepts(delivery: Delivery) -> bool:
    from sendgrid import EventWebhook

    signature, at = (delivery.headers[f"{SENDGRID}{name}"] for name in ("Signature", "Timestamp"))
    theirs = EventWebhook(public_key("ecdsa-p256-sha256", "spki"))
    return bool(theirs.verify_signature(delivery.body.decode(), signature, at))


def test_sendgrid() -> None:
    key = public_key("ecdsa-p256-sha256", "spki")
    same_answers("sendgrid", key, sendgrid, sendgrid_accepts)
    other = public_key("ecdsa-p256-sha256", "spki", number=1)
    assert not accepts("sendgrid", sendgrid("{}", NOW), other)


def test_sendgrid_accepts_deliveries_of_any_age_and_other_spellings() -> None:
    key, old = public_key("ecdsa-p256-sha256", "spki"), sendgrid("{}", NOW - 86400)
    assert sendgrid_accepts(old)
    assert not accepts("sendgrid", old, key)
    delivery = sendgrid("{}", NOW)
    name = f"{SENDGRID}Signature"
    spaced = delivery._replace(headers={**delivery.headers, name: f"!{delivery.headers[name]}\n="})
    assert sendgrid_accepts(spaced)
    assert not accepts("sendgrid", spaced, key)


def telnyx(body: str, at: int) -> Delivery:
    signature = base64(sign("ed25519", f"{at}|{body}".encode()))
    headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": str(at)}
    return Delivery(headers, body.encode())


def telnyx_accepts(delivery: Delivery) -> bool:
    from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature

    key = public_key("ed25519", "base64")
    try:
        verify_webhook_signature(delivery.body, delivery.headers, key)
    except WebhookVerificationError:
        return False
    return True


def test_telnyx() -> None:
    same_answers("telnyx", public_key("ed25519", "base64"), telnyx, telnyx_accepts)
    for age in AGES:
        delivery = telnyx("{}", int(time.time()) - age)
        assert telnyx_accepts(delivery) is (abs(age) < 300)
        assert accepts("telnyx", delivery, public_key("ed25519", "base64")) is (abs(age) < 300)


@pytest.mark.parametrize("form", ["!{}", " {}", "{}\n", "{}===="])
def test_telnyx_accepts_other_spellings_of_a_signature(form: str) -> None:
    delivery = telnyx("{}", int(time.time()))
    signature = form.format(delivery.headers["telnyx-signature-ed25519"])
    delivery = delivery.having(telnyx_signature_ed25519=signature)
    assert telnyx_accepts(delivery)
    # White space around the value of a header is not a part of it.
    expected = form == " {}"
    assert accepts("telnyx", delivery, public_key("ed25519", "base64")) is expected


def test_standard_webhooks_and_libsodium() -> None:
    """No library of Standard Webhooks or Svix for Python or JavaScript verifies v1a."""
    from nacl.exceptions import BadSignatureError
    from nacl.signing import SigningKey

    signing = SigningKey.generate()
    key = f"whpk_{base64(bytes(signing.verify_key))}"

    def sent(body: str, at: int) -> Delivery:
        signature = signing.sign(f"msg_1.{at}.{body}".encode()).signature
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(at),
            "webhook-signature": f"v1,{base64(bytes(32))} v1a,{base64(signature)}",
        }
        return Delivery(headers, body.encode())

    def theirs(delivery: Delivery) -> bool:
        from base64 import b64decode

        at = delivery.headers["webhook-timestamp"]
        signature = b64decode(delivery.headers["webhook-signature"].partition("v1a,")[2])
        try:
            signing.verify_key.verify(f"msg_1.{at}.".encode() + delivery.body, signature)
        except BadSignatureError:
            return False
        return True

    same_answers("standard-webhooks-ed25519", key, sent, theirs)


def discord(body: str, at: int) -> Delivery:
    signature = sign("ed25519", f"{at}{body}".encode()).hex()
    headers = {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": str(at)}
    return Delivery(headers, body.encode())


def of_node(node: Any, deliveries: list[Delivery]) -> list[bool]:
    job = [{"body": one.body.decode(), "headers": one.headers} for one in deliveries]
    answers: list[bool] = node("discord", key=public_key("ed25519", "hex"), deliveries=job)
    return answers


def test_discord(node: Any) -> None:
    key = public_key("ed25519", "hex")
    pairs = [pair for body in bodies() for pair in altered(discord(body, NOW))]
    expected = [answer for _, answer in pairs]
    assert of_node(node, [delivery for delivery, _ in pairs]) == expected
    assert [accepts("discord", one, key, clock=lambda: NOW) for one, _ in pairs] == expected


def test_discord_accepts_deliveries_of_any_age_and_other_spellings(node: Any) -> None:
    delivery = discord("{}", NOW)
    signature = delivery.headers["X-Signature-Ed25519"]
    others = [discord("{}", NOW - 86400), delivery.having(x_signature_ed25519=signature.upper())]
    assert of_node(node, others) == [True, True]
    key = public_key("ed25519", "hex")
    assert [accepts("discord", one, key, clock=lambda: NOW) for one in others] == [False, False]
