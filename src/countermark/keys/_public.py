"""Public keys, for tokens that others signed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from countermark._redaction import guarded
from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._checks import checked_end, pem_of

if TYPE_CHECKING:
    from datetime import datetime


class PublicKey:
    """A public key. It verifies tokens and cannot sign. It is not a secret.

    Args:
        pem: The key in PEM; or the base64 of that.
        until: As for a ``SecretKey``.
        name: The name of the key in messages.

    Raises:
        InvalidKey: It is not a public key in PEM.
        ConfigurationError: The package cryptography is not installed.
    """

    __slots__ = {
        "_loaded": None,
        "_salt": None,
        "until": "When the key expires, in seconds since the epoch, or None.",
        "key_id": "Eight hexadecimal digits that identify the key.",
    }

    until: float | None
    key_id: str

    @guarded
    def __init__(
        self,
        pem: str | bytes,
        *,
        until: float | datetime | None = None,
        name: str = "the public key",
    ) -> None:
        given: object = pem
        if not isinstance(given, str | bytes):
            raise InvalidKey(f"{name} must be PEM, as str or bytes, not {type(given).__name__}")
        data = pem_of(given).strip()
        self.until = checked_end(until, name)
        self._loaded = _load(data)
        if self._loaded is None and b"\\n" in data:
            raise InvalidKey(
                f"{name} has a backslash and an n in the place of line breaks; put line breaks"
                " there, or give the base64 of the file on one line"
            )
        if self._loaded is None:
            raise InvalidKey(f"{name} cannot be read as a public key in PEM; give the whole file")
        self.key_id = hashlib.sha256(b"countermark key id" + data).hexdigest()[:8]
        self._salt: Any = None

    def load(self) -> Any:
        """Return the key as an object of the package ``cryptography``."""
        return self._loaded

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier*, 16 hexadecimal digits, for logs.

        The key is public, so the salt is random and belongs to this process.
        """
        if self._salt is None:
            from secrets import token_bytes

            from countermark.keys._secret import SecretKey

            self._salt = SecretKey(token_bytes(32).hex())
        pseudonym: str = self._salt.pseudonym(identifier)
        return pseudonym

    def __repr__(self) -> str:
        return f"<PublicKey {getattr(self, 'key_id', 'refused')}>"


def _load(pem: bytes) -> Any:
    """Return the key, or None if it cannot be read."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"public keys need {error.name}: pip install 'countermark[public-keys]'"
        ) from error
    try:
        return load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None  # the message of the library may quote the key
