"""Shared secrets, with a redacted representation and without pickling."""

from __future__ import annotations

import hashlib
from binascii import a2b_base64, unhexlify
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn, TypeVar

from countermark._redaction import guarded
from countermark.errors import InvalidKey
from countermark.keys._checks import checked_end, problem_with_secret

if TYPE_CHECKING:
    from datetime import datetime
    from hashlib import _Hash


T = TypeVar("T")

_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))
#: The bytes of a secret that must remain hidden where tokens show its beginning.
_LEAST_HIDDEN = 16


class SecretKey:
    """A shared secret. Its representation is redacted, and it cannot be pickled or copied.

    No other object holds the bytes of the secret: other code gets hash states that are keyed
    with them. Only the search for leaks holds copies, of its forms.

    Args:
        secret: Text, used as its UTF-8 bytes, or the bytes themselves.
        until: When the key expires: seconds since the epoch, or a datetime with a time
            zone. None: it does not expire.
        name: The name of the secret in messages, for instance its variable.

    Raises:
        InvalidKey: It is blank, has several lines or white space at an end, or is a
            placeholder, a PEM key or an SSH key.
    """

    __slots__ = {
        "_secret": None,
        "until": "When the key expires, in seconds since the epoch, or None.",
        "key_id": "Eight hexadecimal digits that identify the key and do not reveal it.",
    }

    until: float | None
    key_id: str

    @guarded
    def __init__(
        self,
        secret: str | bytes,
        *,
        until: float | datetime | None = None,
        name: str = "the secret key",
    ) -> None:
        if problem := problem_with_secret(secret):
            raise InvalidKey(f"{name} {problem}")
        self.until = checked_end(until, name)
        self._secret = secret.encode() if isinstance(secret, str) else bytes(secret)
        self.key_id = self._digest(b"countermark key id", 4)

    @classmethod
    def of_example(cls, secret: str) -> SecretKey:
        """Return the key of a published example, which may be a placeholder like "secret"."""
        key = cls("a placeholder is refused, and examples have some")
        key._secret = secret.encode()
        return key

    def written(self, form: str, prefix: str = "") -> SecretKey:
        """Return the key that this text encodes, with the same ``key_id`` and expiry.

        Args:
            form: The encoding: ``text``, ``hex`` or ``base64``.
            prefix: An optional prefix of the text, such as ``whsec_``.

        Raises:
            InvalidKey: The secret is not encoded in this form, or is blank once decoded.
        """
        inner = object.__new__(SecretKey)
        inner._secret, inner.until = self._secret.removeprefix(prefix.encode()), self.until
        if form == "base64" and b"=" not in inner._secret:  # some vendors omit the padding
            inner._secret += b"=" * (-len(inner._secret) % 4)
        inner._secret = inner._decoded(form)
        inner.key_id = self.key_id
        if not inner._secret.strip(b"\0"):
            raise InvalidKey("the secret is blank once it is decoded; copy the vendor's again")
        return inner

    def hmac_states(self, algorithm: str, form: str = "text") -> tuple[_Hash, _Hash]:
        """Return the inner and the outer hash of HMAC, keyed and ready to copy.

        This implements RFC 2104. With copies ``i, o`` of the two states, the MAC of a
        message is ``i.update(message); o.update(i.digest()); o.digest()``. ``hmac.new``
        creates an object and hashes the padded key twice for each message; this does it
        once.

        Args:
            algorithm: The name of a hash of :mod:`hashlib`, such as ``sha256``.
            form: The encoding of the secret: ``text``, which is the key itself, ``hex`` or
                ``base64``.

        Raises:
            InvalidKey: The secret is not encoded in this form.
        """
        new = getattr(hashlib, algorithm)
        block_size: int = new().block_size
        key = self._decoded(form)
        key = (key if len(key) <= block_size else new(key).digest()).ljust(block_size, b"\0")
        return new(key.translate(_INNER_PAD)), new(key.translate(_OUTER_PAD))

    def shown_prefix(self, length: int) -> str:
        """Return the first *length* characters, by which a vendor finds the key of a token.

        Raises:
            InvalidKey: They are not ASCII, or the rest of the secret is too short.
        """
        prefix, rest = self._secret[:length], self._secret[length:]
        if not prefix.isascii() or len(rest) < _LEAST_HIDDEN:
            raise InvalidKey(
                f"the tokens of this scheme show the first {length} characters of the secret, so it"
                f" needs {_LEAST_HIDDEN} bytes after them, and ASCII; copy it again"
            )
        return prefix.decode("ascii")

    def suffix_digest(self, algorithm: str, message: bytes) -> bytes:
        """Return the plain hash of *message* followed by the secret.

        It is weaker than HMAC. One vendor requires it.
        """
        digest: bytes = getattr(hashlib, algorithm)(message + self._secret).digest()
        return digest

    def _changed(self, change: Callable[[bytes], bytes | None]) -> SecretKey | None:
        """Return the key that a mistake makes of this one; None: the mistake changes nothing.

        Args:
            change: Takes the secret and returns the changed one, or None. It must not keep them.
        """
        secret = change(self._secret)
        if secret is None or secret == self._secret:
            return None
        other = object.__new__(SecretKey)
        other._secret, other.until, other.key_id = secret, self.until, self.key_id
        return other

    def _digest_of(self, mix: Callable[[bytes], bytes]) -> bytes:
        """Return the hash that *mix* computes with the secret. It must not return the secret."""
        return mix(self._secret)

    def _read_public(self, read: Callable[[bytes], T]) -> T:
        """Return what *read* makes of a text that is not secret: a public key.

        A keyring holds a public key as a ``SecretKey`` unless it is in PEM, as other public
        keys look like secrets.
        """
        return read(self._secret)

    def is_one_of(self, texts: Iterable[bytes]) -> bool:
        """Tell, in constant time, whether one of *texts* is the secret."""
        from hmac import compare_digest  # late, as only mistakes need it

        # Hashes, as a comparison of the texts themselves would show the length of the secret.
        own = hashlib.sha256(self._secret).digest()
        return any(compare_digest(own, hashlib.sha256(text).digest()) for text in texts)

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier*, 16 hexadecimal digits, for logs.

        The key is the salt: all workers compute the same hash, and without the key ids cannot
        be guessed.
        """
        return self._digest(b"countermark pseudonym\n" + identifier.encode(errors="replace"), 8)

    def looks_short(self, form: str = "text", least: int = 32) -> bool:
        """Tell whether the decoded key has fewer than *least* bytes."""
        return len(self._decoded(form)) < least

    def starts_with(self, prefixes: Iterable[str]) -> bool:
        """Tell whether the secret begins with one of *prefixes*."""
        return self._secret.startswith(tuple(prefix.encode() for prefix in prefixes))

    def _expose(self) -> bytes:
        """Return the secret, for a search for leaks. Never show or store it."""
        return self._secret

    def _decoded(self, form: str) -> bytes:
        if form == "text":
            return self._secret
        # Strict: a lenient decoder turns a wrong key into an empty one, which anyone can use.
        try:
            if form == "hex":
                return unhexlify(self._secret)
            return a2b_base64(self._secret, strict_mode=True)
        except ValueError:
            pass  # its message may quote the secret
        raise InvalidKey(
            f"the secret is not encoded in {form}, as it must be for this vendor; copy it again"
        )

    def _digest(self, message: bytes, size: int) -> str:
        inner, outer = self.hmac_states("sha256")
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()[:size].hex()

    def __repr__(self) -> str:
        # A traceback may print a key after its constructor failed.
        return f"<SecretKey {getattr(self, 'key_id', 'refused')}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SecretKey cannot be pickled or copied")
