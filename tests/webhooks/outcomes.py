"""The outcome of verifying a delivery, for assertions."""

from __future__ import annotations

import traceback
from typing import Any

from countermark import (
    BadWebhook,
)
from countermark.webhooks import WebhookVerifier
from tests.webhooks.public_keys import public_key
from tests.webhooks.samples import (
    SCHEMES,
    SECRET,
    Delivery,
)

#: Other secrets and public keys, by scheme.
OTHER = dict.fromkeys(SCHEMES, f"another-{SECRET}") | {
    "standard-webhooks": "whsec_" + "B" * 32,
    "discord": public_key("ed25519", "hex", number=1),
    "sendgrid": public_key("ecdsa-p256-sha256", "spki", number=1),
}


def code(a_verifier: WebhookVerifier, delivery: Delivery, **changes: Any) -> str:
    """Return the code of the refusal of a delivery, or ``verified``."""
    try:
        a_verifier.verify(**{**delivery._asdict(), **changes})
    except BadWebhook as error:
        return error.code
    return "verified"


def inside(error: BaseException) -> str:
    """Return a traceback with locals, without the frame of the test."""
    frames = traceback.walk_tb(error.__traceback__.tb_next if error.__traceback__ else None)
    shown = traceback.StackSummary.extract(frames, capture_locals=True).format()
    return "".join([*shown, str(error), repr(error)])
