"""Which key of a ring a code was made with, found in constant time."""

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


class Candidate(NamedTuple):
    """A key that may have made a code: two states of hashes that hold it, and nothing else."""

    role: Role
    key_id: str
    until: float | None
    inner: _Hash
    outer: _Hash


def hmac_candidates(ring: Keyring, secret: Secret, algorithm: str) -> list[Candidate]:
    """Return the keys of *ring*, ready to make codes of HMAC.

    Raises:
        InvalidKey: A secret is not written as the vendor's are.
    """
    return [
        Candidate(
            role,
            key.key_id,
            key.until,
            *key.written(secret.form, secret.prefix).hmac_states(algorithm),
        )
        for role, key in _keys(ring)
    ]


def secret_candidates(ring: Keyring) -> list[Candidate]:
    """Return the keys of *ring*, ready to be compared with a secret that was sent.

    Not they are compared, but salted hashes of both, so that how long it takes says
    nothing about the key.
    """
    salt = os.urandom(32)
    inner = hashlib.sha256(salt)
    found = []
    for role, key in _keys(ring):
        outer = hashlib.sha256(key.suffix_digest("sha256", salt))
        found.append(Candidate(role, key.key_id, key.until, inner, outer))
    return found


def _keys(ring: Keyring) -> Iterable[tuple[Role, SecretKey]]:
    for role, key in ring.by_role():
        assert isinstance(key, SecretKey)  # noqa: S101  # the verifier has looked
        yield role, key


def hmac_of(parts: Iterable[bytes]) -> Callable[[Candidate], bytes]:
    """Return the function from a candidate to its MAC of *parts*, one behind the other."""

    def mac(candidate: Candidate) -> bytes:
        inner, outer = candidate.inner.copy(), candidate.outer.copy()
        for part in parts:
            inner.update(part)
        outer.update(inner.digest())
        return outer.digest()

    return mac


def find(
    candidates: Iterable[Candidate],
    made: Callable[[Candidate], bytes],
    codes: Iterable[bytes],
    now: float,
) -> Candidate:
    """Return the candidate that has made one of *codes*.

    Args:
        candidates: The keys, whatever their ends.
        made: Returns what a candidate makes.
        codes: What came.
        now: The time, in seconds since the epoch.

    Raises:
        Refused: None has, or only one that has ended.
    """
    refusal = "mismatch"
    for candidate in candidates:
        code = made(candidate)
        if any(compare_digest(code, one) for one in codes):
            if candidate.until is None or now < candidate.until:
                return candidate
            refusal = "retired_key"
    raise Refused(refusal)
