"""Keys that show themselves to nobody."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from countermark.errors import InvalidKey
from countermark.showing import guarded

if TYPE_CHECKING:
    from datetime import datetime
    from hashlib import _Hash

    from countermark.public_key import PublicKey

#: What signs or verifies.
Key: TypeAlias = "SecretKey | PrivateKey | PublicKey"

_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))

# The year 10000, where datetimes end.
_END_OF_TIME = 253_402_300_800

# What people leave in a configuration file instead of a secret. Compiled when a key is
# built, not when the module is: that is most of the time which importing it would take.
_PLACEHOLDER = (
    r"(change|replace)[-_ ]?(me|this).*|(your|insert|enter)[-_ ].*|<.*>|\[.*\]"
    r"|\$\{.*\}|\{\{.*\}\}|%\(.*\)s|x+|\*+|\.+|-+|\?+|0+"
    r"|(my|the|a|test|dummy|fake|example|some|super)?[-_ ]?secret([-_ ]?key)?"
    r"|(pass|password|passwd|placeholder|todo|tbd|fixme|none|null|nil|undefined|example"
    r"|dummy|fake|test|unset|key|default)"
)
# White space that str.strip() does not know: a byte order mark, a zero-width space.
_INVISIBLE = "\ufeff\u200b"
_BINARY = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]"
_NOT_SYMMETRIC = r"-----BEGIN |-----END |ssh-\w+ |ecdsa-\w+[-\w]* |sk-ssh-|sk-ecdsa-"
_PRIVATE_KEY = "-----BEGIN ((RSA|EC|ENCRYPTED) )?PRIVATE KEY-----"
_JWK = r"\{.*\"kty\""
_BASE64_OF_PEM = "LS0tLS1CRUdJTi"  # "-----BEGIN"


class SecretKey:
    """A shared secret that shows itself to nobody.

    It is the only object that holds the secret's bytes; everything else asks
    it for hash states that were keyed with them. Its representation is
    redacted, and it refuses to be pickled or copied.

    Args:
        secret: Text, used as its UTF-8 bytes, or the bytes themselves.
        until: When the key ends: seconds since the epoch, or a datetime with a
            time zone. None: it does not end by itself.
        name: What to call the secret in a message, for instance the variable
            it came from.

    Raises:
        InvalidKey: It is blank, has several lines or white space at an end, is
            a placeholder, or is a PEM or SSH key.
    """

    __slots__ = {
        "_secret": None,
        "until": "When the key ends, in seconds since the epoch, or None.",
        "key_id": "Eight hexadecimal digits that tell keys apart and do not lead back to them.",
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
        if problem := _problem_with(secret) or _problem_with_end(until):
            # A traceback shows a frame's locals, so the secret leaves this one.
            del secret
            raise InvalidKey(f"{name} {problem}")
        self._secret = secret.encode() if isinstance(secret, str) else bytes(secret)
        self.until = _seconds(until)
        self.key_id = self._digest(b"countermark key id", 4)

    @classmethod
    def of_example(cls, secret: str) -> SecretKey:
        """Return the key of a published example, which may be a placeholder like "secret"."""
        key = cls("a placeholder is refused, and examples have some")
        key._secret = secret.encode()
        return key

    def written(self, form: str, prefix: str = "") -> SecretKey:
        """Return the key that is written in this one's text, with the same ``key_id`` and end.

        Args:
            form: What it is written in: ``text``, ``hex`` or ``base64``.
            prefix: What may stand before it, such as ``whsec_``.

        Raises:
            InvalidKey: The secret is not written in that form, or is blank in it.
        """
        inner = object.__new__(SecretKey)
        inner._secret, inner.until = self._secret.removeprefix(prefix.encode()), self.until
        if form == "base64" and b"=" not in inner._secret:  # some vendors leave it out
            inner._secret += b"=" * (-len(inner._secret) % 4)
        inner._secret = inner._decoded(form)
        inner.key_id = self.key_id
        if not inner._secret.strip(b"\0"):
            raise InvalidKey("the secret is blank once it is decoded; copy the vendor's again")
        return inner

    def hmac_states(self, algorithm: str, form: str = "text") -> tuple[_Hash, _Hash]:
        """Return the inner and the outer hash of HMAC, keyed and ready to copy.

        This is RFC 2104 written out: with ``i, o`` the two states, the MAC of a
        message is ``i.update(message); o.update(i.digest()); o.digest()`` on
        copies of them. What ``hmac.new`` does for every message, setting up an
        object and hashing the padded key twice, is done here once.

        Args:
            algorithm: The name of a hash of :mod:`hashlib`, such as ``sha256``.
            form: What the secret is written in: ``text``, which is the key as it
                is, ``hex`` or ``base64``.

        Raises:
            InvalidKey: The secret is not written in that form.
        """
        new = getattr(hashlib, algorithm)
        block_size: int = new().block_size
        key = self._decoded(form)
        key = (key if len(key) <= block_size else new(key).digest()).ljust(block_size, b"\0")
        return new(key.translate(_INNER_PAD)), new(key.translate(_OUTER_PAD))

    def suffix_digest(self, algorithm: str, message: bytes) -> bytes:
        """Return the plain hash of *message* with the secret behind it.

        No HMAC, and weaker; there is a vendor who wants it.
        """
        digest: bytes = getattr(hashlib, algorithm)(message + self._secret).digest()
        return digest

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier*, 16 hexadecimal digits, for logs.

        The key is the salt: all workers agree on it, and nobody without the
        key can try out ids.
        """
        return self._digest(b"countermark pseudonym\n" + identifier.encode(errors="replace"), 8)

    def looks_short(self, form: str = "text", least: int = 32) -> bool:
        """Tell whether the key, once it is decoded, has fewer than *least* bytes."""
        return len(self._decoded(form)) < least

    def starts_with(self, prefixes: Iterable[str]) -> bool:
        """Tell whether the secret begins with one of *prefixes*."""
        return self._secret.startswith(tuple(prefix.encode() for prefix in prefixes))

    def _decoded(self, form: str) -> bytes:
        if form == "text":
            return self._secret
        # Strict: a lenient decoder makes an empty key, which anybody has, of a wrong one.
        try:
            decode = bytes.fromhex if form == "hex" else _from_base64
            return decode(self._secret.decode("ascii"))
        except ValueError:
            pass  # its message may quote the secret
        raise InvalidKey(
            f"the secret is not encoded in {form}, as this vendor's are; copy it again, whole"
        )

    def _digest(self, message: bytes, size: int) -> str:
        inner, outer = self.hmac_states("sha256")
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()[:size].hex()

    def __repr__(self) -> str:
        # A traceback may print a key whose construction has just failed.
        return f"<SecretKey {getattr(self, 'key_id', 'refused')}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SecretKey cannot be pickled or copied")


class PrivateKey:
    """A private key that shows itself to nobody, for tokens that others verify with a public one.

    Like a :class:`SecretKey` it has a redacted representation and refuses to be
    pickled or copied. Which kind of key it must be, the scheme decides.

    Args:
        pem: The key in PEM, not encrypted; or the base64 of that.
        until: As for a ``SecretKey``.
        name: As for a ``SecretKey``.

    Raises:
        InvalidKey: It is no private key in PEM.
    """

    __slots__ = {
        "_pem": None,
        "until": "When the key ends, in seconds since the epoch, or None.",
        "key_id": "Eight hexadecimal digits that tell keys apart and do not lead back to them.",
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
        problem = problem_with_pem(pem) or _problem_with_end(until)
        if problem:
            del pem
            raise InvalidKey(f"{name} {problem}")
        text = pem.decode() if isinstance(pem, bytes) else pem
        self._pem = (
            _from_base64(text) if text.startswith(_BASE64_OF_PEM) else text.encode()
        ).strip()
        self.until = _seconds(until)
        self.key_id = hashlib.sha256(b"countermark key id" + self._pem).hexdigest()[:8]

    def load(self) -> Any:
        """Return the key as an object of the package ``cryptography``.

        Raises:
            InvalidKey: It cannot be read.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            return load_pem_private_key(self._pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            pass  # what the library says may quote the key
        raise InvalidKey(
            "the private key cannot be read: it may be encrypted or cut off; give it whole, and"
            " without a passphrase"
        )

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier*, 16 hexadecimal digits, for logs."""
        return SecretKey(hashlib.sha256(self._pem).digest()).pseudonym(identifier)

    def __repr__(self) -> str:
        return f"<PrivateKey {getattr(self, 'key_id', 'refused')}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PrivateKey cannot be pickled or copied")


def _from_base64(text: str) -> bytes:
    from base64 import b64decode

    return b64decode("".join(text.split()), validate=True)


def problem_with_pem(pem: object) -> str | None:
    """Return why *pem* is no private key in PEM, to follow its name, or None."""
    if not isinstance(pem, str | bytes):
        return f"is of type {type(pem).__name__}; give PEM, as str or bytes"
    try:
        text = pem.decode() if isinstance(pem, bytes) else pem
        if text.startswith(_BASE64_OF_PEM):
            text = _from_base64(text).decode()
        text.encode()  # no lone surrogates, which the environment may hold
    except ValueError:
        return "is neither PEM nor base64 of PEM; give the whole file of the private key"
    return (
        None
        if re.match(_PRIVATE_KEY, text.strip())
        else "is not a private key in PEM; give the whole file"
    )


def checked_end(until: float | datetime | None, name: str) -> float | None:
    """Return the end of the key *name*, in seconds since the epoch.

    Raises:
        InvalidKey: It is no time.
    """
    if problem := _problem_with_end(until):
        raise InvalidKey(f"{name} {problem}")
    return _seconds(until)


def _seconds(until: float | datetime | None) -> float | None:
    return until if until is None or isinstance(until, int | float) else until.timestamp()


def _problem_with(secret: object) -> str | None:
    """Return what is wrong with *secret*, to follow its name, or None."""
    if not isinstance(secret, str | bytes):
        return f"is of type {type(secret).__name__}; give it as str or bytes"
    text = secret.decode(errors="replace") if isinstance(secret, bytes) else secret
    if not text.strip("\0"):
        return "is blank; set it to the secret"  # to HMAC, NUL bytes alone are the empty key
    if isinstance(secret, bytes) and re.search(_BINARY, text):
        # Bytes that are no text have no white space either; but keys of the other kind
        # in DER say how long they are.
        return (
            "is a key in DER, not a shared secret; copy the secret itself"
            if _is_der(secret)
            else None
        )
    if not text.strip():
        return "is blank; set it to the secret"
    if text.strip() != text or text.strip(_INVISIBLE) != text:
        return "has white space or a newline at its beginning or end; remove it"
    if len(text.splitlines()) > 1 and not re.match(_NOT_SYMMETRIC, text):
        return "has several lines; a secret is on one line"
    if not text.isascii() and not _encodable(text):
        return "is not valid Unicode text; copy it again"
    return _problem_with_kind(text)


def _problem_with_kind(text: str) -> str | None:
    """Return why text that could be a secret is none, or None."""
    if re.match(_NOT_SYMMETRIC, text) or text.startswith(_BASE64_OF_PEM):
        return "is a PEM or SSH key, not a shared secret; copy the secret itself"
    if re.match(_JWK, text):
        return "is a JSON Web Key; give its value alone"
    if re.fullmatch(_PLACEHOLDER, text, re.IGNORECASE | re.DOTALL):
        return "is a placeholder, not a secret; set it to the secret itself"
    return None


def _is_der(secret: bytes) -> bool:
    return secret[:2] == b"\x30\x82" and int.from_bytes(secret[2:4]) == len(secret) - 4


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _problem_with_end(until: object) -> str | None:
    if until is None:
        return None
    if isinstance(until, int | float):
        # Milliseconds would be an end that never comes, and so would a NaN.
        fits = 0 <= until < _END_OF_TIME
        return None if fits else "has an invalid end; give until= in seconds since the epoch"
    datetime = sys.modules.get("datetime")
    if datetime is not None and isinstance(until, datetime.datetime):
        return None if until.tzinfo else "ends at a datetime without a time zone; give it one"
    return f"has an end of type {type(until).__name__}; give a datetime or seconds since the epoch"
