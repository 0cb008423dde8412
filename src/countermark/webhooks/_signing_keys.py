"""The keys of a keyring that sign deliveries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from countermark.keys._keyring import Keyring, Role
from countermark.webhooks._candidate_keys import hmac_candidates
from countermark.webhooks._parts import Secret


class SigningKey(NamedTuple):
    """A key that signs deliveries.

    Attributes:
        role: The role.
        until: When the key expires, in seconds since the epoch, or None.
        sign: Returns the signature of a message in parts.
        public: The public key in the form in which receivers give it, or "".
    """

    role: Role
    until: float | None
    sign: Callable[[Iterable[bytes]], bytes]
    public: str = ""


def hmac_keys(ring: Keyring, secret: Secret, algorithm: str) -> list[SigningKey]:
    """Return the secrets of *ring*, ready to make MACs; the current one is first.

    Raises:
        InvalidKey: A secret is not encoded as the scheme's are.
    """
    return [
        SigningKey(key.role, key.until, key.mac) for key in hmac_candidates(ring, secret, algorithm)
    ]


def valid_keys(keys: Iterable[SigningKey], now: float, *, several: bool) -> list[SigningKey]:
    """Return the keys that sign now: the current one, and the others if *several* may.

    The others sign until they expire. The current one is first, for receivers that look at one
    signature alone, and signs even if it has expired, so that no delivery is unsigned.
    """
    return [
        key
        for key in keys
        if key.role == "current" or (several and (key.until is None or now < key.until))
    ]
