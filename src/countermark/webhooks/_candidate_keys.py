"""The keys of a keyring that may have signed a delivery."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from hmac import compare_digest
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from countermark.keys._keyring import Keyring, Role
from countermark.keys._secret import SecretKey
from countermark.webhooks._parts import Secret
from countermark.webhooks._results import Refused

if TYPE_CHECKING:
    from hashlib import _Hash


class Candidate(Protocol):
    """A key that may have signed a delivery, of any kind."""

    @property
    def role(self) -> Role:
        """The role of the key."""

    @property
    def key_id(self) -> str:
        """The id of the key."""

    @property
    def until(self) -> float | None:
        """When the key expires, or None."""


C = TypeVar("C", bound=Candidate)


class CandidateKey(NamedTuple):
    """A secret that may have signed a delivery. It holds two hash states, not the secret."""

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

    def makes(self, message: Iterable[bytes], codes: Iterable[bytes]) -> bool:
        """Tell whether the HMAC of a message is one of *codes*, in constant time."""
        made = self.mac(message)
        return any(compare_digest(made, code) for code in codes)


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
    return find_key(candidates, lambda key: compare_digest(key.outer.digest(), code), now)


def _keys(ring: Keyring) -> Iterable[tuple[Role, SecretKey]]:
    for role, key in ring.by_role():
        assert isinstance(key, SecretKey)  # noqa: S101  # the verifier has checked
        yield role, key


def find_key(candidates: Iterable[C], proves: Callable[[C], bool], now: float) -> C:
    """Return the candidate that signed the delivery.

    Args:
        candidates: The keys, including expired ones.
        proves: Tells whether a candidate signed it. It must compare secrets in constant time.
        now: The time, in seconds since the epoch.

    Raises:
        Refused: No candidate signed it, or only an expired one did.
    """
    refusal = "mismatch"
    for candidate in candidates:
        if proves(candidate):
            if candidate.until is None or now < candidate.until:
                return candidate
            refusal = "retired_key"
    raise Refused(refusal)
