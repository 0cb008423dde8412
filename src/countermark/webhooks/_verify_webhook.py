"""Verifies one delivery with a verifier of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from countermark._redaction import guarded
from countermark.keys._keyring import Keyring
from countermark.webhooks._request_head import Headers, Text
from countermark.webhooks._results import VerifiedWebhook
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._verifier import WebhookVerifier


@guarded
def verify_webhook(
    scheme: str | WebhookScheme,
    keyring: Keyring | Mapping[str, Keyring],
    *,
    headers: Headers,
    body: Text,
    method: Text = "POST",
    path: Text = "/",
    tolerance: float | None = None,
    base_url: str | None = None,
    clock: Callable[[], float] = time.time,
) -> VerifiedWebhook:
    """Verify one delivery with a new :class:`WebhookVerifier`; see there for the arguments.

    Raises:
        BadWebhook: The delivery is refused; ``code`` gives the reason.
        ConfigurationError: The arguments contradict each other.
    """
    verifier = WebhookVerifier(scheme, keyring, tolerance=tolerance, base_url=base_url, clock=clock)
    return verifier.verify(headers=headers, body=body, method=method, path=path)
