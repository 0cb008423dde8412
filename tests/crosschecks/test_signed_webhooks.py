"""Deliveries that are signed here, verified by the code of Standard Webhooks and of vendors."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from countermark import Keyring
from countermark.webhooks import WebhookSigner, new_webhook_secret
from tests.crosschecks.deliveries import bodies
from tests.webhooks.samples import SECRET

#: Verifies a body with headers and a secret, and raises an error if it refuses them.
Verify = Callable[[str, dict[str, str], str], object]


def by_standard_webhooks(body: str, headers: dict[str, str], secret: str) -> None:
    from standardwebhooks.webhooks import Webhook

    Webhook(secret).verify(body, headers, json_parse=False)


def by_svix(body: str, headers: dict[str, str], secret: str) -> None:
    from svix.webhooks import Webhook

    Webhook(secret).verify(body, headers)


def by_stripe(body: str, headers: dict[str, str], secret: str) -> None:
    from stripe import WebhookSignature

    WebhookSignature.verify_header(body, headers["stripe-signature"], secret, 300)


def by_slack(body: str, headers: dict[str, str], secret: str) -> None:
    from slack_sdk.signature import SignatureVerifier

    assert SignatureVerifier(secret).is_valid_request(body, headers)


def by_paddle(body: str, headers: dict[str, str], secret: str) -> None:
    from paddle_billing.Notifications import Secret, Verifier

    given = {"Paddle-Signature": headers["paddle-signature"]}
    request: Any = SimpleNamespace(headers=given, body=body.encode())
    assert Verifier().verify(request, Secret(secret))


def by_workos(body: str, headers: dict[str, str], secret: str) -> None:
    from workos.webhooks._verification import verify_header

    signature = headers["workos-signature"]
    verify_header(event_body=body.encode(), event_signature=signature, secret=secret)


def by_line(body: str, headers: dict[str, str], secret: str) -> None:
    from linebot.v3.webhook import SignatureValidator

    assert SignatureValidator(secret).validate(body, headers["x-line-signature"])


def by_razorpay(body: str, headers: dict[str, str], secret: str) -> None:
    from razorpay import Utility

    Utility().verify_webhook_signature(body, headers["x-razorpay-signature"], secret)


BY: list[tuple[str, Verify]] = [
    ("standard-webhooks", by_standard_webhooks),
    ("standard-webhooks", by_svix),
    ("svix", by_svix),
    ("stripe", by_stripe),
    ("slack", by_slack),
    ("paddle", by_paddle),
    ("workos", by_workos),
    ("line", by_line),
    ("razorpay", by_razorpay),
]
# Their header has one signature by each key.
ROTATED = [pair for pair in BY if pair[0] in {"standard-webhooks", "svix", "stripe", "paddle"}]


def secret_of(slug: str) -> str:
    return new_webhook_secret(slug) if "svix" in slug or "standard" in slug else SECRET


@pytest.mark.parametrize(("slug", "verify"), BY)
def test_the_senders_code_accepts_what_is_signed_here(slug: str, verify: Verify) -> None:
    secret = secret_of(slug)
    signer = WebhookSigner(slug, Keyring(secret))
    for body in bodies():
        headers = signer.sign(body)
        verify(body, headers, secret)
        with pytest.raises(Exception):  # noqa: B017  # each has an error of its own
            verify(body + "x", headers, secret)


@pytest.mark.parametrize(("slug", "verify"), ROTATED)
def test_the_senders_code_accepts_it_with_the_old_and_with_the_new_secret(
    slug: str, verify: Verify
) -> None:
    old, new, other = secret_of(slug), new_webhook_secret(slug), new_webhook_secret(slug)
    for ring in (Keyring(old, next=new), Keyring(new, previous=old)):
        headers = WebhookSigner(slug, ring).sign("{}")
        for secret in (old, new):
            verify("{}", headers, secret)
        with pytest.raises(Exception):  # noqa: B017  # as above
            verify("{}", headers, other)


@pytest.mark.parametrize("age", [0, -100, 100, -400, 400])
def test_the_library_of_standard_webhooks_refuses_old_deliveries_as_here(age: int) -> None:
    secret = new_webhook_secret("standard-webhooks")
    signer = WebhookSigner("standard-webhooks", Keyring(secret), clock=lambda: time.time() - age)
    headers = signer.sign("{}")
    if abs(age) < 300:
        by_standard_webhooks("{}", headers, secret)
        return
    with pytest.raises(Exception, match=r"too (old|new)"):
        by_standard_webhooks("{}", headers, secret)


def test_node_libraries_accept_what_is_signed_here(node: Any) -> None:
    now = 1_800_000_000
    old, new = new_webhook_secret("standard-webhooks"), new_webhook_secret("standard-webhooks")
    private = WebhookSigner(
        "standard-webhooks-ed25519", Keyring(new_webhook_secret("standard-webhooks-ed25519"))
    )
    signer = WebhookSigner(
        "standard-webhooks", Keyring(new, previous=old), also=private, clock=lambda: now
    )
    # The libraries parse the bodies.
    deliveries = [
        {"body": body, "headers": signer.sign(body)} for body in ('{"a":"é用"}', "[1, 2]", '"x"')
    ]
    changed = [{**one, "body": f"{one['body']} "} for one in deliveries]
    job = {"now": now, "deliveries": [*deliveries, *changed]}
    expected = [True] * len(deliveries) + [False] * len(changed)
    for secret in (old, new):
        assert node("standardWebhooks", secret=secret, **job) == expected
        assert node("svix", secret=secret, **job) == expected
    assert node("ed25519", publicKey=private.public_keys[0], **job) == expected
