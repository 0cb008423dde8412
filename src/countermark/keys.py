"""Secret keys that cannot be printed, and the ring that says what each is for."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias

from countermark.errors import InvalidKey

if TYPE_CHECKING:
    from hashlib import _Hash

Role = Literal["current", "next", "previous"]
Secret: TypeAlias = "str | bytes | SecretKey"

_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))

# What people leave in a configuration file instead of a secret.
_PLACEHOLDER = re.compile(
    r"(change|replace)[-_ ]?(me|this).*|(your|insert|enter)[-_ ].*|<.*>|\[.*\]"
    r"|\$\{.*\}|\{\{.*\}\}|%\(.*\)s|x+|\*+|\.+|-+|\?+|0+"
    r"|(my|the|a|test|dummy|fake|example|some|super)?[-_ ]?secret([-_ ]?key)?"
    r"|(pass|password|passwd|placeholder|todo|tbd|fixme|none|null|nil|undefined|example"
    r"|dummy|fake|test|unset|key|default)",
    re.IGNORECASE | re.DOTALL,
)
# White space that str.strip() does not know: a byte order mark, a zero-width space.
_INVISIBLE = "\ufeff\u200b"
_BINARY = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")
_NOT_SYMMETRIC = re.compile(r"-----BEGIN |-----END |ssh-\w+ |ecdsa-\w+[-\w]* |sk-ssh-|sk-ecdsa-")


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
        self.until = until.timestamp() if isinstance(until, datetime) else until
        self.key_id = self._digest(b"countermark key id", 4)

    def hmac_states(self, algorithm: str) -> tuple[_Hash, _Hash]:
        """Return the inner and the outer hash of HMAC, keyed and ready to copy.

        This is RFC 2104 written out: with ``i, o`` the two states, the MAC of a
        message is ``i.update(message); o.update(i.digest()); o.digest()`` on
        copies of them. What ``hmac.new`` does for every message, setting up an
        object and hashing the padded key twice, is done here once.

        Args:
            algorithm: The name of a hash of :mod:`hashlib`, such as ``sha256``.
        """
        new = getattr(hashlib, algorithm)
        block_size: int = new().block_size
        key = self._secret if len(self._secret) <= block_size else new(self._secret).digest()
        key = key.ljust(block_size, b"\0")
        return new(key.translate(_INNER_PAD)), new(key.translate(_OUTER_PAD))

    def pseudonym(self, identifier: str) -> str:
        """Return a salted hash of *identifier*, 16 hexadecimal digits, for logs.

        The key is the salt: all workers agree on it, and nobody without the
        key can try out ids.
        """
        return self._digest(b"countermark pseudonym\n" + identifier.encode(errors="replace"), 8)

    def looks_short(self) -> bool:
        """Tell whether the secret has fewer than 32 bytes."""
        return len(self._secret) < 32

    def starts_with(self, prefixes: Iterable[str]) -> bool:
        """Tell whether the secret begins with one of *prefixes*."""
        return self._secret.startswith(tuple(prefix.encode() for prefix in prefixes))

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


def _problem_with(secret: object) -> str | None:
    """Return what is wrong with *secret*, to follow its name, or None."""
    if not isinstance(secret, str | bytes):
        return f"is of type {type(secret).__name__}; a secret is a str or bytes"
    text = secret.decode(errors="replace") if isinstance(secret, bytes) else secret
    if not text.strip("\0"):
        return "is blank"  # to HMAC, NUL bytes alone are the empty key
    if isinstance(secret, bytes) and _BINARY.search(text):
        return None  # bytes that are no text have no white space either
    if not text.strip():
        return "is blank"
    if text.strip() != text or text.strip(_INVISIBLE) != text:
        return "has white space or a newline at its beginning or end"
    if len(text.splitlines()) > 1 and not _NOT_SYMMETRIC.match(text):
        return "has several lines"
    if not text.isascii() and not _encodable(text):
        return "is not valid Unicode text"
    if _NOT_SYMMETRIC.match(text):
        return "is a PEM or SSH key, which is no shared secret"
    if _PLACEHOLDER.fullmatch(text):
        return "is a placeholder, not a secret"
    return None


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _problem_with_end(until: object) -> str | None:
    if isinstance(until, datetime):
        return None if until.tzinfo else "ends at a datetime without a time zone; give it one"
    if until is None or isinstance(until, int | float):
        return None
    return f"has an end of type {type(until).__name__}; it is a datetime or seconds"


class Keyring:
    """The keys of one vendor and environment, by role.

    Signing uses *current*, whatever its end. Verifying accepts all of them, each
    until its end.

    Args:
        current: The key that signs.
        previous: Keys that signed before and are still accepted.
        next: Keys that will sign later and are accepted already, so that
            instances can change over one after the other.

    Raises:
        InvalidKey: One of the secrets cannot be one.
    """

    __slots__ = ("current", "next", "previous")

    current: SecretKey
    previous: tuple[SecretKey, ...]
    next: tuple[SecretKey, ...]

    def __init__(
        self,
        current: Secret,
        previous: Secret | Sequence[Secret] = (),
        next: Secret | Sequence[Secret] = (),
    ) -> None:
        try:
            self.current = _key(current, "the current key")
            self.previous = _keys(previous, "a previous key")
            self.next = _keys(next, "a next key")
        except InvalidKey:
            # See SecretKey: no secret stays in a frame that a traceback shows.
            del current, previous, next
            raise

    @classmethod
    def from_env(cls, name: str) -> Keyring:
        """Read the keys from the environment.

        ``NAME`` is the current key, ``NAME_PREVIOUS`` and ``NAME_NEXT`` are the
        others. Each may instead name a file, by ``NAME_FILE`` and so on, of
        which one newline at the end is dropped. An empty ``NAME_PREVIOUS`` or
        ``NAME_NEXT`` is as good as none.

        Raises:
            InvalidKey: A secret is missing or cannot be one; the message names
                the variable.
        """
        previous, next_ = f"{name}_PREVIOUS", f"{name}_NEXT"
        return cls(
            _from_env(name),
            [_from_env(previous)] if _is_set(previous) else (),
            [_from_env(next_)] if _is_set(next_) else (),
        )

    def keys_at(self, now: float) -> list[tuple[Role, SecretKey]]:
        """Return the keys accepted at *now*, in seconds since the epoch, with their roles."""
        ring: list[tuple[Role, SecretKey]] = [("current", self.current)]
        ring += [("next", key) for key in self.next]
        ring += [("previous", key) for key in self.previous]
        return [(role, key) for role, key in ring if key.until is None or now < key.until]

    def __repr__(self) -> str:
        roles = {role: getattr(self, role, "refused") for role in ("current", "previous", "next")}
        return f"<Keyring {' '.join(f'{role}={keys}' for role, keys in roles.items())}>"


def _key(secret: Secret, name: str) -> SecretKey:
    try:
        return secret if isinstance(secret, SecretKey) else SecretKey(secret, name=name)
    except InvalidKey:
        del secret
        raise


def _keys(secrets: Secret | Sequence[Secret], name: str) -> tuple[SecretKey, ...]:
    several = isinstance(secrets, Iterable) and not isinstance(secrets, str | bytes)
    listed: list[Any] = list(secrets) if several else [secrets]  # type: ignore[arg-type]
    del secrets
    keys = []
    while listed:  # popped, so that no loop variable is left to a traceback
        try:
            keys.append(_key(listed.pop(0), name))
        except InvalidKey:
            listed.clear()
            raise
    return tuple(keys)


def _is_set(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def _from_env(name: str) -> SecretKey:
    file_name = f"{name}_FILE"
    if name in os.environ and file_name in os.environ:
        raise InvalidKey(f"both {name} and {file_name} are set; unset one of them")
    if name in os.environ:
        return SecretKey(os.environ[name], name=f"the environment variable {name}")
    if file_name in os.environ:
        return SecretKey(_read(file_name), name=f"the content of the file that {file_name} names")
    if not name.isupper():
        # Somebody may have given the secret itself: not to be repeated.
        raise InvalidKey("no environment variable of the given name is set")
    raise InvalidKey(f"the environment variable {name} is not set (nor is {file_name})")


def _read(file_name: str) -> str:
    try:
        content = Path(os.environ[file_name]).read_bytes().decode()
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    else:
        return content.removesuffix("\n").removesuffix("\r")
    raise InvalidKey(f"the file that {file_name} names cannot be read: {reason}")
