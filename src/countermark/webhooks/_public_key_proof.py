"""Signatures that a public key verifies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from countermark.keys._keyring import Keyring, Role
from countermark.webhooks import _encodings as encodings
from countermark.webhooks._candidate_keys import find_key
from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._public_keys import check_installed, load_public_key
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme

#: The most signatures of one delivery that are verified. A vendor sends one for each of its
#: keys, and each is checked with all keys over the whole body.
MOST_SIGNATURES: Final = 8

# The most bytes of a signature: of ECDSA in DER, and of RSA with 8192 bits.
_MOST_DER: Final = 72
_MOST_RSA: Final = 1024

#: Tells whether a signature of a message is valid.
Verify = Callable[[bytes, bytes], bool]


class PublicCandidate(NamedTuple):
    """A public key that may verify a delivery."""

    role: Role
    key_id: str
    until: float | None
    verify: Verify


class PublicKeyProof:
    """The check of signatures with the public keys of a keyring.

    Raises:
        InvalidKey: A key is not one of the vendor's public keys.
        ConfigurationError: The package cryptography is not installed.
    """

    __slots__ = ("_candidates", "_signature")

    def __init__(self, scheme: WebhookScheme, signature: SignatureHeader, ring: Keyring) -> None:
        check_installed(scheme.slug)
        self._signature = signature
        self._candidates = []
        for role, key in ring.by_role():
            public = load_public_key(scheme, signature.algorithm, key)
            verify = verify_function(public, signature.algorithm)
            self._candidates.append(PublicCandidate(role, key.key_id, key.until, verify))

    def decode(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        """Decode the signatures of a delivery; raises Refused."""
        if len(texts) > MOST_SIGNATURES:
            raise Refused("malformed")
        return tuple(_decoded(self._signature, text) for text in texts)

    def find_key(
        self, message: Sequence[bytes], codes: Sequence[bytes], now: float
    ) -> PublicCandidate:
        """Return the key that verifies one of the signatures; raises Refused."""
        whole = b"".join(message)
        return find_key(
            self._candidates, lambda key: any(key.verify(code, whole) for code in codes), now
        )


def signing_options(algorithm: str) -> tuple[Any, ...]:
    """Return the arguments after the message, with which ``cryptography`` signs and verifies."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.hashes import SHA256

    by_algorithm: dict[str, tuple[Any, ...]] = {
        "ed25519": (),
        "ecdsa-p256-sha256": (ec.ECDSA(SHA256()),),
        "rsa-sha256": (padding.PKCS1v15(), SHA256()),
        "rsa-sha256-twice": (padding.PKCS1v15(), SHA256()),
    }
    return by_algorithm[algorithm]


def signed_message(algorithm: str, message: bytes) -> bytes:
    """Return the bytes that ``cryptography`` signs and verifies in place of a message."""
    return hashlib.sha256(message).digest() if algorithm == "rsa-sha256-twice" else message


def verify_function(public: Any, algorithm: str) -> Verify:
    """Return the function that verifies with a key of the package ``cryptography``."""
    from cryptography.exceptions import InvalidSignature

    options = signing_options(algorithm)

    def verify(code: bytes, message: bytes) -> bool:
        try:
            public.verify(code, signed_message(algorithm, message), *options)
        except InvalidSignature:
            return False
        return True

    return verify


def _decoded(signature: SignatureHeader, text: str) -> bytes:
    """Decode one signature, which has one spelling; raises Refused."""
    if signature.algorithm == "ed25519":
        return encodings.decode_bytes(text, signature.encoding, 64)
    if signature.algorithm != "ecdsa-p256-sha256":
        return encodings.decode_at_most(text, signature.encoding, _MOST_RSA)
    data = encodings.decode_at_most(text, signature.encoding, _MOST_DER)
    if not _is_der(data):
        raise Refused("malformed")
    return data


def _is_der(data: bytes) -> bool:
    """Tell whether *data* is the DER of two numbers; BER would have further spellings.

    The numbers r and n - s are a second valid signature, so a signature is not an id.
    """
    from cryptography.hazmat.primitives.asymmetric.utils import (
        decode_dss_signature,
        encode_dss_signature,
    )

    try:
        return encode_dss_signature(*decode_dss_signature(data)) == data
    except ValueError:
        return False
