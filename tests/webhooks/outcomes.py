"""The outcome of verifying a delivery, for assertions."""

from __future__ import annotations

import traceback
from typing import Any

from countermark import (
    BadWebhook,
)
from countermark.webhooks import WebhookVerifier
from tests.webhooks.samples import (
    SCHEMES,
    SECRET,
    Delivery,
)

OTHER = {
    scheme: "whsec_" + "B" * 32 if scheme == "standard-webhooks" else "another-" + SECRET
    for scheme in SCHEMES
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
