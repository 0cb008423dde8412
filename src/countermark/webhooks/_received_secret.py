"""Recognises the secret itself in the place of a signature."""

from __future__ import annotations

from collections.abc import Mapping

from countermark.keys._keyring import Keyring
from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._scheme import WebhookScheme


def has_secret(scheme: WebhookScheme, rings: Mapping[str, Keyring], head: RequestHead) -> bool:
    """Tell whether a malformed signature header is or contains the secret."""
    signature = scheme.signature
    if not isinstance(signature, SignatureHeader) or scheme.has_public_key:
        return False
    from countermark.mistakes._credentials import received_secret  # late, as it is rare

    # A header with two values is ambiguous, and not malformed.
    value = head.get(signature.header, max_commas=None) or ""
    keys = (pair for ring in rings.values() for pair in ring.by_role())
    return received_secret(value, keys) is not None
