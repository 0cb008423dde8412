"""Deliveries that a single header proves: by the secret itself, or by a MAC."""

from __future__ import annotations

import hashlib

from countermark.keyring import Keyring
from countermark.template import Placeholder
from countermark.webhooks import spelling
from countermark.webhooks.matching import find, hmac_candidates, hmac_of, secret_candidates
from countermark.webhooks.proof import Check, Proof, read_delivery_id
from countermark.webhooks.received import Received
from countermark.webhooks.scheme import SecretHeader, SignatureHeader, WebhookScheme
from countermark.webhooks.verified import Refused


def secret_check(scheme: WebhookScheme, signature: SecretHeader, ring: Keyring) -> Check:
    """Return the check of a secret that is sent itself."""
    candidates = secret_candidates(ring)
    salted = candidates[0].inner

    def check(received: Received, now: float) -> Proof:
        given = received.one(signature.header, commas=None)
        inner = salted.copy()
        try:
            inner.update(given.encode("latin-1"))
        except UnicodeEncodeError:
            raise Refused("malformed") from None
        code = hashlib.sha256(inner.digest()).digest()
        try:
            key = find(candidates, lambda candidate: candidate.outer.digest(), [code], now)
        except Refused as refused:
            # A secret may hold a comma, but what is no secret may be two headers.
            if refused.code == "mismatch" and "," in given:
                raise Refused("ambiguous") from None
            raise
        return Proof(key, None, read_delivery_id(scheme.id, received))

    return check


def hmac_check(scheme: WebhookScheme, signature: SignatureHeader, ring: Keyring) -> Check:
    """Return the check of a MAC in a header.

    Raises:
        InvalidKey: A secret is not written as the vendor's are.
    """
    candidates = hmac_candidates(ring, scheme.secret, signature.algorithm)
    size = spelling.SIZES[signature.algorithm]
    parts = signature.message
    id_is_signed = any(str(part) == "{id}" for part in parts)
    beside_id = _beside_id(signature)

    def check(received: Received, now: float) -> Proof:
        codes = [
            spelling.code(text, signature.encoding, size)
            for text in _entries(signature, received.one(signature.header, commas=None))
        ]
        values = {"{body}": received.body}
        timestamp = None
        if scheme.timestamp is not None:
            text = received.one(scheme.timestamp.header)
            timestamp = spelling.seconds(text)
            values["{timestamp}"] = text.encode()
        delivery_id = read_delivery_id(scheme.id, received)
        if id_is_signed:
            if delivery_id is None:
                raise Refused("missing")
            if beside_id.intersection(delivery_id):
                raise Refused("malformed")
            values["{id}"] = delivery_id.encode()
        message = [
            values[str(part)] if isinstance(part, Placeholder) else part.encode() for part in parts
        ]
        key = find(candidates, hmac_of(message), codes, now)
        return Proof(key, timestamp, delivery_id)

    return check


def _beside_id(signature: SignatureHeader) -> frozenset[str]:
    """Return the characters that tell where the id ends, and which it cannot hold.

    Else a part of the id could be taken for the time, and of the time for the body,
    under the same signature.
    """
    before = after = ""
    parts = [*signature.message, ""]
    for number, part in enumerate(parts):
        if str(part) == "{id}":
            before, after = "".join(map(str, parts[:number])), str(parts[number + 1])
    return frozenset(before[-1:] + after[:1])


def _entries(signature: SignatureHeader, value: str) -> list[str]:
    """Return the signatures of the recipe's version, without their prefixes."""
    entries = value.split(signature.separator) if signature.separator else [value]
    own = [
        entry.removeprefix(signature.prefix)
        for entry in entries
        if entry.startswith(signature.prefix)
    ]
    # No server can have joined two headers by anything but a comma.
    if any("," in entry for entry in own):
        raise Refused("ambiguous")
    if not own or "" in entries:
        raise Refused("malformed")
    return own
