"""Checks the options of a verifier."""

from __future__ import annotations

from collections.abc import Mapping

from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._keyring import Keyring
from countermark.keys._secret import SecretKey
from countermark.schemes._scheme import Scheme
from countermark.tokens._reader import TokenContents


def checked_others(given: object) -> Mapping[str, Keyring]:
    """Return the keyrings of other environments, by name."""
    others = {} if given is None else given
    if not isinstance(others, Mapping) or not all(
        isinstance(name, str) and isinstance(ring, Keyring) for name, ring in others.items()
    ):
        raise ConfigurationError(
            "other_environments= must map the names of other environments to their keyrings, such"
            " as {'sandbox': Keyring.from_env('SANDBOX_SECRET')}"
        )
    return others


def has_short_secret(scheme: Scheme, keyring: Keyring, *, allowed: object) -> bool:
    """Tell whether a secret has fewer than 32 bytes.

    Raises:
        InvalidKey: One has, and that is not allowed.
    """
    if not isinstance(allowed, bool):
        raise ConfigurationError("allow_short_secret= must be True or False")
    form = scheme.mac.key if scheme.mac else "text"
    short = any(
        isinstance(key, SecretKey) and key.looks_short(form) for _, key in keyring.by_role()
    )
    if short and not allowed:
        raise InvalidKey(
            f"{scheme.slug}: the secret is too short to verify with: it needs 32 bytes or more;"
            " have the vendor make a new one, or set allow_short_secret=True if the vendor makes"
            " no longer ones"
        )
    return short


def checked_age(scheme: Scheme, max_age: object, *, dated: bool) -> float | None:
    """Return the maximum age of tokens, in seconds, or None.

    Args:
        scheme: The scheme.
        max_age: The option.
        dated: Whether the tokens have a time of issue.
    """
    if max_age is not None and not dated:
        raise ConfigurationError(
            f"{scheme.slug}: its tokens have no time of issue; leave max_age= out"
        )
    if max_age is None and dated and scheme.mac is not None:
        raise ConfigurationError(
            f"{scheme.slug}: its tokens have a time of issue and do not expire;"
            " set max_age=, their maximum age in seconds"
        )
    return None if max_age is None else checked_seconds(max_age, "max_age=")


def checked_seconds(value: object, where: str) -> float:
    """Return a number of seconds; an error begins with *where*."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ConfigurationError(f"{where} must be a number of seconds, 0 or more")
    return value


def code_at(contents: TokenContents, now: float, leeway: float, max_age: float | None) -> str:
    """Return the code of a token with a matching signature, at the time *now*."""
    if contents.begins_at is not None and now < contents.begins_at - leeway:
        return "not_yet_valid"
    if contents.expires_at is not None and now >= contents.expires_at + leeway:
        return "expired"
    if max_age is None:
        return "verified"
    if contents.issued_at is None:
        return "malformed"
    return "verified" if now <= contents.issued_at + max_age + leeway else "expired"
