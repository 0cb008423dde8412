"""The keys of a keyring that may have signed a delivery, compared in constant time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from hmac import compare_digest
from typing import TYPE_CHECKING, NamedTuple

from countermark.keys._keyring import Keyring, Role
from countermark.keys._secret import SecretKey
from countermark.webhooks._parts import Secret
from countermark.webhooks._results import Refused

if TYPE_CHECKING:
    from hashlib import _Hash


class CandidateKey(NamedTuple):
    """A key that may have signed a delivery. It holds two hash states, not the secret."""

    role: Role
    key_id: str
    until: float | None
    inner: _Hash
    outer: _Hash

    def mac(self, message: Iterable[bytes]) -> bytes:
        """Return the HMAC of a message in parts."""
        inner, outer = self.inner.copy(), self.outer.copy()
        for part in message:
            inner.update(part)
        outer.update(inner.digest())
        return outer.digest()


def hmac_candidates(ring: Keyring, secret: Secret, algorithm: str) -> list[CandidateKey]:
    """Return the keys of *ring*, ready to make MACs.

    Raises:
        InvalidKey: A secret is not encoded as the vendor's are.
    """
    return [
        CandidateKey(
            role,
            key.key_id,
            key.until,
            *key.written(secret.form, secret.prefix).hmac_states(algorithm),
        )
        for role, key in _keys(ring)
    ]


def secret_candidates(ring: Keyring) -> list[CandidateKey]:
    """Return the keys of *ring*, ready to be compared with a secret in a header.

    The comparison is between salted hashes of the two, never the secrets themselves, so
    its duration is independent of the key.
    """
    salt = os.urandom(32)
    inner = hashlib.sha256(salt)
    return [
        CandidateKey(
            role,
            key.key_id,
            key.until,
            inner,
            hashlib.sha256(key.suffix_digest("sha256", salt)),
        )
        for role, key in _keys(ring)
    ]


def find_secret(candidates: list[CandidateKey], given: bytes, now: float) -> CandidateKey:
    """Return the candidate of ``secret_candidates`` that is *given*.

    Raises:
        Refused: No candidate is, or only an expired one.
    """
    salted = candidates[0].inner.copy()
    salted.update(given)
    code = hashlib.sha256(salted.digest()).digest()
    return find_key(candidates, lambda key: key.outer.digest(), [code], now)


def _keys(ring: Keyring) -> Iterable[tuple[Role, SecretKey]]:
    for role, key in ring.by_role():
        assert isinstance(key, SecretKey)  # noqa: S101  # the verifier has checked
        yield role, key


def find_key(
    candidates: Iterable[CandidateKey],
    make: Callable[[CandidateKey], bytes],
    received: Iterable[bytes],
    now: float,
) -> CandidateKey:
    """Return the candidate that made one of the *received* codes.

    Args:
        candidates: The keys, including expired ones.
        make: Returns the code that a candidate makes.
        received: The codes in the delivery.
        now: The time, in seconds since the epoch.

    Raises:
        Refused: No candidate made one of them, or only an expired one did.
    """
    refusal = "mismatch"
    for candidate in candidates:
        made = make(candidate)
        if any(compare_digest(made, code) for code in received):
            if candidate.until is None or now < candidate.until:
                return candidate
            refusal = "retired_key"
    raise Refused(refusal)
