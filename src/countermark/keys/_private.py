"""Private keys, for tokens that others verify with a public key."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NoReturn

from countermark._redaction import guarded
from countermark.errors import InvalidKey
from countermark.keys._checks import (
    BASE64_OF_PEM,
    bytes_from_base64,
    checked_end,
    problem_with_pem,
)
from countermark.keys._secret import SecretKey

if TYPE_CHECKING:
    from datetime import datetime


class PrivateKey:
    """A private key, for tokens that others verify with a public key.

    Like a :class:`SecretKey` it has a redacted representation and cannot be pickled or
    copied. The scheme decides which kind of key it must be.

    Args:
        pem: The key in PEM, not encrypted; or the base64 of that.
        until: As for a ``SecretKey``.
        name: As for a ``SecretKey``.

    Raises:
        InvalidKey: It is not a private key in PEM.
    """

    __slots__ = {
        "_pem": None,
        "until": "When the key expires, in seconds since the epoch, or None.",
        "key_id": "Eight hexadecimal digits that identify the key and do not reveal it.",
    }

    until: float | None
    key_id: str

    @guarded
    def __init__(
        self,
        pem: str | bytes,
        *,
        until: float | datetime | None = None,
        name: str = "the private key",
    ) -> None:
        if problem := problem_with_pem(pem):
            raise InvalidKey(f"{name} {problem}")
        self.until = checked_end(until, name)
        text = pem.decode() if isinstance(pem, bytes) else pem
        self._pem = (
            bytes_from_base64(text) if text.startswith(BASE64_OF_PEM) else text.encode()
        ).strip()
        self.key_id = hashlib.sha256(b"countermark key id" + self._pem).hexdigest()[:8]

    def load(self) -> Any:
        """Return the key as an object of the package ``cryptography``.

        Raises:
            InvalidKey: The key cannot be read.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            return load_pem_private_key(self._pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            pass  # the message of the library may quote the key
        raise InvalidKey(
            "the private key cannot be read: it may be encrypted or cut off; give it whole, and"
            " without a passphrase"
        )

    def _expose(self) -> bytes:
        """Return the key in PEM, for a search for leaks. Never show or store it."""
        return self._pem

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier*, 16 hexadecimal digits, for logs."""
        return SecretKey(hashlib.sha256(self._pem).digest()).pseudonym(identifier)

    def __repr__(self) -> str:
        return f"<PrivateKey {getattr(self, 'key_id', 'refused')}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PrivateKey cannot be pickled or copied")
