"""Deliveries that a single header proves: by the secret itself, or by a MAC."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from countermark.keys._keyring import Keyring
from countermark.schemes._templates import Placeholder
from countermark.webhooks import _encodings as encodings
from countermark.webhooks._candidate_keys import find, hmac_candidates, hmac_of, secret_candidates
from countermark.webhooks._parts import SecretHeader, SignatureHeader
from countermark.webhooks._proof import Check, Proof, Rest, read_delivery_id
from countermark.webhooks._request_head import Received
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme


def secret_check(scheme: WebhookScheme, signature: SecretHeader, ring: Keyring) -> Check:
    """Return the check of a secret that is sent itself."""
    candidates = secret_candidates(ring)
    salted = candidates[0].inner

    def check(received: Received, now: float) -> Rest:
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
        return lambda body: Proof(key, None, read_delivery_id(scheme.id, received, body))

    return check


def hmac_check(scheme: WebhookScheme, signature: SignatureHeader, ring: Keyring) -> Check:
    """Return the check of a MAC in a header.

    Raises:
        InvalidKey: A secret is not written as the vendor's are.
    """
    candidates = hmac_candidates(ring, scheme.secret, signature.algorithm)
    size = encodings.SIZES[signature.algorithm]
    parts = signature.message
    id_is_signed = any(str(part) == "{id}" for part in parts)
    id_header = scheme.id.header if scheme.id and id_is_signed else ""
    beside_id = _beside_id(signature)

    def check(received: Received, now: float) -> Rest:
        codes = [
            encodings.code(text, signature.encoding, size)
            for text in _entries(signature, received.one(signature.header, commas=None))
        ]
        values: dict[str, bytes] = {}
        timestamp = signed_id = None
        if scheme.timestamp is not None:
            text = received.one(scheme.timestamp.header)
            timestamp = encodings.seconds(text)
            values["{timestamp}"] = text.encode()
        if id_header:
            signed_id = encodings.delivery_id(received.one(id_header))
            if beside_id.intersection(signed_id):
                raise Refused("malformed")
            values["{id}"] = signed_id.encode()

        def rest(body: bytes) -> Proof:
            key = find(candidates, hmac_of(_message(parts, {**values, "{body}": body})), codes, now)
            return Proof(key, timestamp, signed_id or read_delivery_id(scheme.id, received, body))

        return rest

    return check


def _message(parts: Iterable[str | Placeholder], values: Mapping[str, bytes]) -> list[bytes]:
    return [values[str(part)] if isinstance(part, Placeholder) else part.encode() for part in parts]


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
