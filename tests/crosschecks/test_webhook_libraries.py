"""Deliveries that the vendors' own Python code accepts, and what it accepts beyond them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.crosschecks.deliveries import accepts, bodies
from tests.webhooks.samples import SECRET, Delivery, base64, mac


def same_answers(
    slug: str, header: str, encode: Callable[[bytes], str], theirs: Callable[[str, str], bool]
) -> None:
    """Compare with *theirs*, which takes a body and a signature, for formats of a body alone."""
    for body in bodies():
        signature = encode(mac(SECRET.encode(), body.encode()))
        for given in (body, body + "x"):
            expected = given == body
            assert theirs(given, signature) is expected
            delivery = Delivery({header: signature}, given.encode())
            assert accepts(slug, delivery) is expected


def test_airtable() -> None:
    from pyairtable.models import WebhookNotification

    key = random.randbytes(32)
    secret = base64(key)
    for number in range(50):
        content = {
            "base": {"id": f"app{number}"},
            "webhook": {"id": "ach00000000000001"},
            "timestamp": "2026-11-30T12:00:00.000Z",
        }
        body = json.dumps(content)
        headers = {"X-Airtable-Content-MAC": f"hmac-sha256={mac(key, body.encode()).hex()}"}
        for given in (body, body + " "):
            try:
                WebhookNotification.from_request(given, headers["X-Airtable-Content-MAC"], secret)
            except ValueError:
                theirs = False
            else:
                theirs = True
            delivery = Delivery(headers, given.encode())
            assert theirs is accepts("airtable", delivery, secret) is (given == body)


def test_castle() -> None:
    from castle.configuration import Configuration
    from castle.errors import WebhookVerificationError
    from castle.webhooks.verify import WebhooksVerify

    configuration = Configuration()
    configuration.api_secret = SECRET

    def theirs(body: str, signature: str) -> bool:
        headers = {"X-Castle-Signature": signature}
        webhook = SimpleNamespace(headers=headers, data=body.encode())
        try:
            WebhooksVerify.call(webhook, configuration)
        except WebhookVerificationError:
            return False
        return True

    same_answers("castle", "X-Castle-Signature", base64, theirs)


def test_cronofy() -> None:
    from pycronofy import Client

    client = Client(client_id="id", client_secret=SECRET)

    def theirs(body: str, signature: str) -> bool:
        return bool(client.hmac_valid(signature, body))

    same_answers(
        "cronofy", "Cronofy-HMAC-SHA256", lambda code: f"{'A' * 43}=,{base64(code)}", theirs
    )


def test_easypost() -> None:
    from easypost.errors import SignatureVerificationError
    from easypost.util import validate_webhook

    def theirs(body: str, signature: str) -> bool:
        try:
            validate_webhook(body.encode(), {"X-Hmac-Signature": signature}, SECRET)
        except SignatureVerificationError:
            return False
        except ValueError:  # it has verified a body that is not JSON
            return True
        return True

    same_answers(
        "easypost", "X-Hmac-Signature", lambda code: f"hmac-sha256-hex={code.hex()}", theirs
    )


def test_gocardless() -> None:
    from gocardless_pro import webhooks
    from gocardless_pro.errors import InvalidSignatureError

    for body in ('{"events":[]}', '{"events":[{"id":"EV1","text":"\u00e9"}]}'):
        signature = mac(SECRET.encode(), body.encode()).hex()
        for given in (body, body + " "):
            try:
                webhooks.parse(given, SECRET, signature)
            except InvalidSignatureError:
                theirs = False
            else:
                theirs = True
            delivery = Delivery({"Webhook-Signature": signature}, given.encode())
            assert theirs is accepts("gocardless", delivery) is (given == body)


def test_line() -> None:
    from linebot.v3.webhook import SignatureValidator

    same_answers("line", "X-Line-Signature", base64, SignatureValidator(SECRET).validate)


def test_modern_treasury() -> None:
    from modern_treasury import ModernTreasury

    webhooks = ModernTreasury(
        api_key="key", organization_id="organization", webhook_key=SECRET
    ).webhooks

    def theirs(body: str, signature: str) -> bool:
        return bool(webhooks.validate_signature(body, {"X-Signature": signature}))

    same_answers("modern-treasury", "X-Signature", bytes.hex, theirs)


def test_mollie() -> None:
    from mollie.utils.webhooks import InvalidSignatureException, SignatureValidator

    def theirs(body: str, signature: str) -> bool:
        try:
            return bool(SignatureValidator(SECRET).validate_payload(body, signature))
        except InvalidSignatureException:
            return False

    same_answers("mollie", "X-Mollie-Signature", lambda code: f"sha256={code.hex()}", theirs)


def test_razorpay() -> None:
    from razorpay import Utility
    from razorpay.errors import SignatureVerificationError

    def theirs(body: str, signature: str) -> bool:
        try:
            Utility().verify_webhook_signature(body, signature, SECRET)
        except SignatureVerificationError:
            return False
        return True

    same_answers("razorpay", "X-Razorpay-Signature", bytes.hex, theirs)


def test_stream_chat() -> None:
    from stream_chat import StreamChat

    client = StreamChat("key", SECRET)

    def theirs(body: str, signature: str) -> bool:
        return bool(client.verify_webhook(body.encode(), signature))

    same_answers("stream-chat", "X-Signature", bytes.hex, theirs)


def now() -> int:
    """Return this time, as the libraries cannot be told another."""
    return int(time.time())


#: Seconds before or after now that all of the libraries compared here treat alike.
AGES = (0, -100, 100, -400, 400)


@pytest.mark.parametrize("age", AGES)
def test_slack(age: int) -> None:
    from slack_sdk.signature import SignatureVerifier

    theirs = SignatureVerifier(SECRET)
    for body in bodies():
        at = str(now() - age)
        made = theirs.generate_signature(timestamp=at, body=body)
        headers = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": made or ""}
        for given in (body, body + "x"):
            expected = given == body and abs(age) < 300
            assert theirs.is_valid_request(given, headers) is expected
            assert accepts("slack", Delivery(headers, given.encode())) is expected


@pytest.mark.parametrize("age", AGES)
def test_svix(age: int) -> None:
    from datetime import UTC, datetime

    from svix.webhooks import Webhook, WebhookVerificationError

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = now() - age
    for body in bodies():
        made = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body)
        headers = {"svix-id": "msg_1", "svix-timestamp": str(at), "svix-signature": made}
        for given in (body, body + "x"):
            try:
                Webhook(secret).verify(given, headers)
            except WebhookVerificationError:
                theirs = False
            else:
                theirs = True
            expected = given == body and abs(age) < 300
            assert theirs is accepts("svix", Delivery(headers, given.encode()), secret) is expected


def stripe_accepts(delivery: Delivery) -> bool:
    from stripe import SignatureVerificationError, WebhookSignature

    header = delivery.headers["Stripe-Signature"]
    try:
        WebhookSignature.verify_header(delivery.body.decode(), header, SECRET, 300)
    except SignatureVerificationError:
        return False
    return True


@pytest.mark.parametrize("age", AGES)
def test_stripe(age: int) -> None:
    from stripe import WebhookSignature

    for body in bodies():
        made = WebhookSignature.generate_signature_header(body, SECRET, now() - age)
        for given in (body, body + "x"):
            delivery = Delivery({"Stripe-Signature": made}, given.encode())
            assert accepts("stripe", delivery) is (given == body and abs(age) < 300)
            # The library checks only whether a delivery is too old.
            assert stripe_accepts(delivery) is (given == body and age < 300)


@pytest.mark.parametrize("form", ["t={at},t=1,v1={mac}", "t=0{at},v1={mac}", "t=+{at},v1={mac}"])
def test_stripe_accepts_headers_that_it_does_not_send_and_that_are_refused_here(form: str) -> None:
    at = now()
    code = mac(SECRET.encode(), f"{at}.{{}}".encode()).hex()
    delivery = Delivery({"Stripe-Signature": form.format(at=at, mac=code)}, b"{}")
    assert stripe_accepts(delivery)
    assert not accepts("stripe", delivery)


@pytest.mark.parametrize("age", [0, -60, 60])
def test_paddle(age: int) -> None:
    from paddle_billing.Notifications import Secret, Verifier

    at = now() - age
    for body in bodies():
        code = mac(SECRET.encode(), f"{at}:{body}".encode()).hex()
        headers = {"Paddle-Signature": f"ts={at};h1={'0' * 64};h1={code}"}
        for given in (body, body + "x"):
            request: Any = SimpleNamespace(headers=headers, body=given.encode())
            expected = given == body and age == 0
            assert Verifier().verify(request, Secret(SECRET)) is expected
            assert accepts("paddle", Delivery(headers, given.encode())) is expected


@pytest.mark.parametrize("age", AGES)
def test_workos(age: int) -> None:
    from workos.webhooks._verification import verify_header

    at = (now() - age) * 1000 + 7
    for body in bodies():
        code = mac(SECRET.encode(), f"{at}.{body}".encode()).hex()
        made = f"t={at}, v1={code}"
        for given in (body, body + "x"):
            try:
                verify_header(event_body=given.encode(), event_signature=made, secret=SECRET)
            except ValueError:
                theirs = False
            else:
                theirs = True
            delivery = Delivery({"WorkOS-Signature": made}, given.encode())
            assert theirs is accepts("workos", delivery) is (given == body and abs(age) < 180)


@pytest.mark.parametrize("age", [0, -800, 800, -1000, 1000])
def test_mailgun(age: int) -> None:
    from mailgun.security import SecurityGuard

    at, token = str(now() - age), random.randbytes(25).hex()
    code = mac(SECRET.encode(), f"{at}{token}".encode()).hex()
    for given in (token, token[::-1]):
        expected = given == token and abs(age) < 900
        assert SecurityGuard.verify_webhook(SECRET, given, at, code) is expected
        signature = {"token": given, "timestamp": at, "signature": code}
        body = json.dumps({"signature": signature, "event-data": {"event": "delivered"}})
        assert accepts("mailgun", Delivery({}, body.encode())) is expected


@pytest.mark.parametrize("age", AGES)
def test_pusher(age: int) -> None:
    from pusher import Pusher

    client = Pusher("1", "key", SECRET)
    for text in ("a", "é", "用户"):
        body = json.dumps({"time_ms": (now() - age) * 1000 + 7, "events": [{"name": text}]})
        code = mac(SECRET.encode(), body.encode()).hex()
        for given in (body, body + " "):
            expected = given == body and abs(age) < 300
            assert (client.validate_webhook("key", code, given) is not None) is expected
            delivery = Delivery({"X-Pusher-Signature": code}, given.encode())
            assert accepts("pusher", delivery) is expected
