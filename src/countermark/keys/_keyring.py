"""Keyrings: keys by role, read from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from countermark._redaction import guarded, shown_variable
from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._checks import is_public_pem, problem_with_pem
from countermark.keys._private import PrivateKey
from countermark.keys._secret import SecretKey

if TYPE_CHECKING:
    from countermark.keys._public import PublicKey


#: A key that signs or verifies.
Key: TypeAlias = "SecretKey | PrivateKey | PublicKey"

Role = Literal["current", "next", "previous"]
Secret: TypeAlias = "str | bytes | Key"


class Keyring:
    """The keys of one vendor and environment, by role.

    Signing uses *current*, even if it has expired. Verifying accepts each key until it
    expires. A text is a shared secret, or a private or public key if it is in PEM.

    Args:
        current: The key that signs.
        previous: Keys that signed before and are still accepted.
        next: Keys that will sign later and are accepted already, so that instances can
            switch one after the other.

    Raises:
        InvalidKey: A key is invalid.
    """

    __slots__ = ("current", "next", "previous")

    current: Key
    previous: tuple[Key, ...]
    next: tuple[Key, ...]

    @guarded
    def __init__(
        self,
        current: Secret,
        previous: Secret | Sequence[Secret] = (),
        next: Secret | Sequence[Secret] = (),
    ) -> None:
        self.current = key_of(current, "the current key")
        self.previous = _keys(previous, "a previous key")
        self.next = _keys(next, "a next key")

    @classmethod
    @guarded
    def from_env(cls, name: str) -> Keyring:
        """Read the keys from the environment.

        ``NAME`` is the current key, and ``NAME_PREVIOUS`` and ``NAME_NEXT`` are the others.
        Each may be in a file instead: ``NAME_FILE`` and so on contain its path. One newline
        at the end of a file is dropped. There is no previous or next key if its variable is
        missing or empty, or if its file is.

        Raises:
            InvalidKey: A secret is missing or invalid; the message names the variable.
        """
        check_name(name)
        (current,) = _from_env(name)
        return cls(current, _optional(f"{name}_PREVIOUS"), _optional(f"{name}_NEXT"))

    def by_role(self) -> Iterator[tuple[Role, Key]]:
        """Yield all keys with their roles, expired ones too; the current key is first."""
        yield "current", self.current
        for key in self.next:
            yield "next", key
        for key in self.previous:
            yield "previous", key

    def __repr__(self) -> str:
        roles = {role: getattr(self, role, "refused") for role in ("current", "previous", "next")}
        return f"<Keyring {' '.join(f'{role}={keys}' for role, keys in roles.items())}>"


def check_name(name: object) -> None:
    """Refuse what cannot be the name of an environment variable.

    Raises:
        InvalidKey: It is not ASCII text.
    """
    if not isinstance(name, str) or not name.isascii():
        raise InvalidKey(
            "the name of an environment variable must be ASCII text; give one such as"
            " 'STIGG_SIGNING_SECRET'"
        )


def key_of(secret: Secret, name: str) -> Key:
    """Return *secret* as a key: a shared secret, or a private or public key if it is in PEM.

    Raises:
        InvalidKey: It is invalid; the message begins with *name*.
    """
    if not isinstance(secret, str | bytes):
        # A key, or a value of another type, which SecretKey refuses.
        return secret if hasattr(secret, "key_id") else SecretKey(secret, name=name)  # type: ignore[arg-type]
    if not problem_with_pem(secret):
        return PrivateKey(secret, name=name)
    if not is_public_pem(secret):
        return SecretKey(secret, name=name)
    from countermark.keys._public import PublicKey  # late, as few applications have one

    return PublicKey(secret, name=name)


def _keys(secrets: Secret | Sequence[Secret], name: str) -> tuple[Key, ...]:
    several = isinstance(secrets, Iterable) and not isinstance(secrets, str | bytes)
    listed: Iterable[Any] = secrets if several else [secrets]  # type: ignore[assignment]
    return tuple(key_of(secret, name) for secret in listed)


def is_set(name: str) -> bool:
    """Return True if the variable *name*, or the same with _FILE, is set and not empty."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def _optional(name: str) -> tuple[Key, ...]:
    return _from_env(name, optional=True) if is_set(name) else ()


def _from_env(name: str, *, optional: bool = False) -> tuple[Key, ...]:
    """Return the key of one role; nothing if it is *optional* and its file missing or empty."""
    file_name = f"{name}_FILE"
    if name in os.environ and file_name in os.environ:
        raise InvalidKey(
            f"both the environment variable {shown_variable(name)} and the same with _FILE are set;"
            " unset one of them"
        )
    if name in os.environ:
        return (key_of(os.environ[name], f"the environment variable {shown_variable(name)}"),)
    if file_name in os.environ:
        secret = _read(file_name, optional=optional)
        if optional and not secret:
            return ()
        return (key_of(secret, f"the content of the file of {shown_variable(file_name)}"),)
    raise InvalidKey(
        f"the environment variable {shown_variable(name)} is not set; set it to the secret or key,"
        " or the same with _FILE to the path of a file that holds it"
    )


def _read(file_name: str, *, optional: bool) -> str:
    from pathlib import Path

    try:
        return without_newline(Path(os.environ[file_name]).read_bytes().decode())
    except OSError as error:
        if optional and isinstance(error, FileNotFoundError):
            return ""
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    raise InvalidKey(
        f"the file of {shown_variable(file_name)} cannot be read: {reason}; correct the path or"
        " the file"
    )


def without_newline(content: str) -> str:
    """Return the content of a file without the newline that editors put at its end."""
    return content.removesuffix("\n").removesuffix("\r")


def checked_keyring(keyring: object) -> Keyring:
    """Return *keyring*.

    Raises:
        ConfigurationError: It is not a Keyring.
    """
    if not isinstance(keyring, Keyring):
        raise ConfigurationError(
            "keyring must be a Keyring: Keyring(secret) or Keyring.from_env('VARIABLE')"
        )
    return keyring
