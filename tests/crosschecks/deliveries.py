"""Bodies of webhooks, and whether our verifier accepts a delivery."""

from __future__ import annotations

import random
from typing import Any

from countermark import BadWebhook, Keyring
from countermark.webhooks import WebhookVerifier
from tests.webhooks.samples import SECRET, Delivery

_LETTERS = 'aé用Ω😀 \\"{}[],:0123456789.\n\t'


def bodies() -> list[str]:
    """Return bodies, some of which are JSON."""
    made = ["{}", '{"id":"evt_1"}', " ", "é", "a=1&b=%20"]
    return made + ["".join(random.choices(_LETTERS, k=random.randint(1, 200))) for _ in range(50)]


def accepts(slug: str, delivery: Delivery, secret: str = SECRET, **options: Any) -> bool:
    verifier = WebhookVerifier(slug, Keyring(secret), **options)
    try:
        verifier.verify(**delivery._asdict())
    except BadWebhook:
        return False
    return True
