"""Checks of schemes with a single header: the secret itself, a MAC, or another signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from countermark.keys._keyring import Keyring
from countermark.schemes._templates import Placeholder
from countermark.webhooks import _encodings as encodings
from countermark.webhooks._candidate_keys import (
    Candidate,
    CandidateKey,
    find_key,
    find_secret,
    hmac_candidates,
    secret_candidates,
)
from countermark.webhooks._delivery_body import Body
from countermark.webhooks._parts import SecretHeader, SignatureHeader
from countermark.webhooks._pending import PendingDelivery
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._signed_content import SignedContent, signed_content
from countermark.webhooks._signed_url import signed_method, signed_urls
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
        try:
            key = find_secret(self._candidates, given.encode("latin-1"), now)
        except UnicodeEncodeError:
            raise Refused("malformed") from None
        except Refused as refused:
            # A secret may contain a comma, but a wrong one with a comma may be two joined headers.
            if refused.code == "mismatch" and "," in given:
                raise Refused("ambiguous") from None
            raise
        return PendingDelivery(self._scheme, head, now, KnownKey(key))


class KnownKey(NamedTuple):
    """A key that the headers alone prove."""

    key: CandidateKey

    def find_key(self, body: Body, now: float) -> CandidateKey:  # a BodyCheck
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

    __slots__ = ("_after", "_base_url", "_before", "_id_header", "_names", "_next_to_id", "_proof",
                 "_scheme", "_signature")  # fmt: skip

    def __init__(
        self, scheme: WebhookScheme, signature: SignatureHeader, proof: Proof, base_url: str
    ) -> None:
        self._scheme, self._signature, self._base_url = scheme, signature, base_url
        self._proof = proof
        self._names = names = [str(part) for part in signature.message]
        content = names.index("{body}" if "{body}" in names else "{parameters}")
        self._before, self._after = signature.message[:content], signature.message[content + 1 :]
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
        if "{method}" in self._names:
            values["{method}"] = signed_method(head)
        around = tuple(
            (_fill(self._before, filled), _fill(self._after, filled))
            for filled in self._with_urls(values, head)
        )
        check = SignedBody(self._proof, codes, around, signed_content(self._signature, head))
        return PendingDelivery(
            self._scheme, head, now, check, timestamp=timestamp, signed_id=signed_id
        )

    def _with_urls(self, values: dict[str, str], head: RequestHead) -> list[dict[str, str]]:
        """Return the values with each URL that the vendor may have signed."""
        if "{url}" not in self._names:
            return [values]
        urls = signed_urls(self._signature.url, self._base_url, head.path)
        return [{**values, "{url}": url} for url in urls]


class SignedBody(NamedTuple):
    """Signatures of a message that depends on the body, with the texts that may be around it."""

    proof: Proof
    codes: tuple[bytes, ...]
    around: tuple[tuple[bytes, bytes], ...]
    content: SignedContent

    def find_key(self, body: Body, now: float) -> Candidate:
        """Return the key that made one of the signatures."""
        content, refusals = self.content.signed(body.content), set()
        for before, after in self.around:
            try:
                key = self.proof.find_key((before, content, after), self.codes, now)
            except Refused as refused:
                refusals.add(refused.code)
                continue
            self.content.check(body.content)
            return key
        raise Refused("retired_key" if "retired_key" in refusals else "mismatch")


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
    if after.startswith("{timestamp}"):  # a date, whose first colon has a fixed place
        after = ":"
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
