"""The same deliveries verified by the library of Standard Webhooks."""

from __future__ import annotations

import binascii
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from countermark import BadWebhook, Keyring
from countermark.webhooks import WebhookSigner, WebhookVerifier, verify_webhook
from tests.webhooks.samples import (
    BODY,
    NOW,
    WHSEC,
    standard,
)


def their_answer(delivery: dict[str, Any], secret: str = WHSEC) -> str:
    """Return what the vendors' library makes of a delivery."""
    data = delivery["body"]
    try:
        Webhook(secret).verify(data, delivery["headers"])
    except Exception as error:
        return type(error).__name__
    return "verified"


def our_answer(delivery: dict[str, Any], now: float, secret: str = WHSEC) -> str:
    try:
        verify_webhook(
            "standard-webhooks",
            Keyring(secret),
            headers=delivery["headers"],
            body=delivery["body"],
            clock=lambda: now,
        )
    except BadWebhook as error:
        return error.code
    return "verified"


def at_this_time(**changes: Any) -> dict[str, Any]:
    """Return a delivery of now, which the library cannot be told otherwise."""
    import time

    return standard(at=int(time.time()), **changes)._asdict()


def test_both_accept_valid_deliveries() -> None:
    for body in (BODY, b"{}", b'"\xc3\xa9"', b'{"a": [1, 2.5, null]}', b" 1 "):
        for secret in (WHSEC, "whsec_" + "B" * 32, "whsec_" + "Zm9v" * 20):
            delivery = at_this_time(body=body, secret=secret)
            now = float(delivery["headers"]["webhook-timestamp"])
            assert their_answer(delivery, secret) == our_answer(delivery, now, secret) == "verified"


def test_the_signatures_of_the_library_are_the_same() -> None:
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(NOW, UTC)
    signature = Webhook(WHSEC).sign("evt-1", at, BODY.decode())
    assert signature == standard().headers["webhook-signature"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_library_accepts_what_a_signer_signs(body: str) -> None:
    old, new = WHSEC, "whsec_" + "B" * 32
    headers = WebhookSigner("standard-webhooks", Keyring(new, previous=old)).sign(body)
    for secret in (old, new):
        Webhook(secret).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "C" * 32).verify(body, headers, json_parse=False)


def hostile() -> dict[str, tuple[dict[str, str], bytes, str, str]]:
    """Return forged deliveries with the results of the library and of countermark."""
    good = at_this_time()
    headers = good["headers"]
    own, at = headers["webhook-signature"], headers["webhook-timestamp"]
    other = at_this_time(body=f'{at}.{{"a":1}}'.encode())
    spare = own[:-2] + chr(ord(own[-2]) + 1) + "="

    def signed(signature: str, body: bytes = BODY) -> tuple[dict[str, str], bytes]:
        return {**headers, "webhook-signature": signature}, body

    early = {**headers, "webhook-timestamp": f"{at}.0"}
    moved = {
        **other["headers"],
        "webhook-id": f"evt-1.{other['headers']['webhook-timestamp']}",
        "webhook-timestamp": at,
    }
    return {
        "no comma": (*signed("v1"), "ValueError", "malformed"),
        "two commas": (*signed("v1,a,b"), "ValueError", "ambiguous"),
        "two spaces": (*signed(f"v1a,a  {own}"), "ValueError", "malformed"),
        "cut off": (*signed("v1,abc"), binascii.Error.__name__, "malformed"),
        "not UTF-8": (*signed(own, b"\xff"), "UnicodeDecodeError", "mismatch"),
        "not ASCII": (*signed("v1,é"), "ValueError", "malformed"),
        "trailing junk": (*signed(f"{own}!!!"), "verified", "malformed"),
        "junk inside": (*signed(f"{own[:9]}!{own[9:]}"), "verified", "malformed"),
        "spare bits": (*signed(spare), "verified", "malformed"),
        "another spelling of the time": (early, BODY, "verified", "malformed"),
        "the id reaches into the time": (moved, b'{"a":1}', "verified", "malformed"),
    }  # fmt: skip


@pytest.mark.parametrize("what", hostile())
def test_the_library_mishandles_hostile_deliveries(what: str) -> None:
    """Of eleven deliveries, six raise errors it does not document, and five are accepted."""
    headers, body, theirs, ours = hostile()[what]
    delivery = {"headers": headers, "body": body}
    assert their_answer(delivery) == theirs
    sent_at = float(at_this_time()["headers"]["webhook-timestamp"])
    assert our_answer(delivery, sent_at) == ours


def test_the_library_accepts_a_secret_of_one_byte() -> None:
    Webhook("whsec_QQ==")
    with pytest.warns(UserWarning, match="fewer than 24 bytes"):
        WebhookVerifier("standard-webhooks", Keyring("whsec_QQ=="))
