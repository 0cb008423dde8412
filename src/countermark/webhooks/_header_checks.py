"""Checks of schemes with a single header: the secret itself, a MAC, or another signature."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from hmac import compare_digest
from typing import NamedTuple, Protocol

from countermark.keys._keyring import Keyring
from countermark.schemes._templates import Placeholder
from countermark.webhooks import _encodings as encodings
from countermark.webhooks._candidate_keys import (
    Candidate,
    CandidateKey,
    find_key,
    hmac_candidates,
    secret_candidates,
)
from countermark.webhooks._parts import SecretHeader, SignatureHeader
from countermark.webhooks._pending import PendingDelivery
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._times import parse_time, time_in_head


class SecretCheck:
    """The check of a secret that the vendor sends itself. It does not prove the body."""

    __slots__ = ("_candidates", "_header", "_scheme")

    def __init__(self, scheme: WebhookScheme, signature: SecretHeader, ring: Keyring) -> None:
        self._scheme, self._header = scheme, signature.header
        self._candidates = secret_candidates(ring)

    def read(self, head: RequestHead, now: float) -> PendingDelivery:
        """Compare the secret."""
        given = head.require(self._header, max_commas=None)
        salted = self._candidates[0].inner.copy()
        try:
            salted.update(given.encode("latin-1"))
        except UnicodeEncodeError:
            raise Refused("malformed") from None
        code = hashlib.sha256(salted.digest()).digest()
        try:
            key = find_key(
                self._candidates, lambda key: compare_digest(key.outer.digest(), code), now
            )
        except Refused as refused:
            # A secret may contain a comma, but a wrong one with a comma may be two joined headers.
            if refused.code == "mismatch" and "," in given:
                raise Refused("ambiguous") from None
            raise
        return PendingDelivery(self._scheme, head, now, KnownKey(key))


class KnownKey(NamedTuple):
    """A key that the headers alone prove."""

    key: CandidateKey

    def find_key(self, body: bytes, now: float) -> CandidateKey:  # a BodyCheck
        """Return the key."""
        return self.key


class Proof(Protocol):
    """The signatures of one algorithm, checked with the keys of one moment."""

    def decode(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        """Decode the signatures of a delivery; raises Refused."""

    def find_key(self, message: Sequence[bytes], codes: Sequence[bytes], now: float) -> Candidate:
        """Return the key that made one of the signatures; raises Refused."""


class HmacProof:
    """MACs, checked with the secrets of a keyring.

    Raises:
        InvalidKey: A secret is not encoded as the vendor's are.
    """

    __slots__ = ("_candidates", "_encoding", "_size")

    def __init__(self, scheme: WebhookScheme, signature: SignatureHeader, ring: Keyring) -> None:
        self._candidates = hmac_candidates(ring, scheme.secret, signature.algorithm)
        self._encoding = signature.encoding
        self._size = encodings.MAC_SIZES[signature.algorithm]

    def decode(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        """Decode the MACs."""
        return tuple(encodings.decode_bytes(text, self._encoding, self._size) for text in texts)

    def find_key(
        self, message: Sequence[bytes], codes: Sequence[bytes], now: float
    ) -> CandidateKey:
        """Return the key that made one of the MACs."""
        return find_key(self._candidates, lambda key: key.makes(message, codes), now)


class SignatureCheck:
    """The check of a signature in a header."""

    __slots__ = ("_after", "_before", "_id_header", "_next_to_id", "_proof", "_scheme",
                 "_signature")  # fmt: skip

    def __init__(self, scheme: WebhookScheme, signature: SignatureHeader, proof: Proof) -> None:
        self._scheme, self._signature, self._proof = scheme, signature, proof
        names = [str(part) for part in signature.message]
        body = names.index("{body}")
        self._before, self._after = signature.message[:body], signature.message[body + 1 :]
        self._id_header = scheme.id.header if scheme.id and "{id}" in names else ""
        self._next_to_id = next_to_id(signature)

    def read(self, head: RequestHead, now: float) -> PendingDelivery:
        """Read the signatures, the time and the id."""
        signature = self._signature
        given = head.require(signature.header, max_commas=None)
        codes = self._proof.decode(_entries(signature, given))
        values: dict[str, str] = {}
        timestamp = signed_id = None
        time = self._scheme.timestamp
        if time is not None and not time.body:
            values["{timestamp}"] = text = time_in_head(time, signature, head)
            timestamp = parse_time(text, time.form)
        if self._id_header:
            signed_id = encodings.checked_delivery_id(head.require(self._id_header))
            if self._next_to_id.intersection(signed_id):
                raise Refused("malformed")
            values["{id}"] = signed_id
        before, after = _fill(self._before, values), _fill(self._after, values)
        check = SignedBody(self._proof, codes, before, after)
        return PendingDelivery(
            self._scheme, head, now, check, timestamp=timestamp, signed_id=signed_id
        )


class SignedBody(NamedTuple):
    """Signatures of a message that contains the body."""

    proof: Proof
    codes: tuple[bytes, ...]
    before: bytes
    after: bytes

    def find_key(self, body: bytes, now: float) -> Candidate:
        """Return the key that made one of the signatures."""
        return self.proof.find_key((self.before, body, self.after), self.codes, now)


def _fill(parts: tuple[str | Placeholder, ...], values: dict[str, str]) -> bytes:
    return "".join(
        values[str(part)] if isinstance(part, Placeholder) else part for part in parts
    ).encode()


def next_to_id(signature: SignatureHeader) -> frozenset[str]:
    """Return the characters that separate the id from its neighbours; the id must not have them.

    Otherwise a part of the id could be read as the time, or of the time as the body, under
    the same signature.
    """
    before, id_, after = "".join(map(str, signature.message)).partition("{id}")
    return frozenset(before[-1:] + after[:1]) if id_ else frozenset()


def _entries(signature: SignatureHeader, value: str) -> list[str]:
    """Return the signatures of the scheme's version, without their prefix."""
    entries = value.split(signature.separator) if signature.separator else [value]
    own = [
        entry.removeprefix(signature.prefix)
        for entry in entries
        if entry.startswith(signature.prefix)
    ]
    # Servers join two headers by a comma, and by nothing else.
    if any("," in entry for entry in own):
        raise Refused("ambiguous")
    if not own or "" in entries:
        raise Refused("malformed")
    return own
