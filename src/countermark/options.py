"""What a user may say to a signer beside the scheme and the keys, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from countermark.errors import ConfigurationError
from countermark.rendering import signs_principal
from countermark.scheme import Scheme

#: The longest that a token may live, in seconds: a hundred years.
MAX_LIFETIME = 100 * 365 * 86400

# Claims with a meaning of their own, which no option can set.
_REGISTERED_CLAIMS = frozenset({"aud", "exp", "iat", "iss", "jti", "nbf", "sub"})


def checked_settings(scheme: Scheme, given: Mapping[str, str] | None) -> dict[str, str]:
    """Return the constants for a scheme, all there and all texts."""
    if not isinstance(given or {}, Mapping):
        raise ConfigurationError("settings= must be a mapping by name")
    given = dict(given or {})
    found: dict[str, Any] = {}
    for name, setting in scheme.settings.items():
        value: object = given.pop(name, setting.default)
        if value is None:
            raise ConfigurationError(
                f"{scheme.slug} needs settings={{{name!r}: …}} (or {setting.variable} for from_env)"
            )
        if not _is_constant(value) or (not value and setting.default != ""):
            raise ConfigurationError(
                f"{scheme.slug}: settings[{name!r}] must be visible ASCII text, and some"
            )
        found[name] = value
    if given:
        raise ConfigurationError(f"{scheme.slug} has no setting {min(map(str, given))!r}")
    return found


def _is_constant(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        and value.strip() == value
    )


def checked_lifetime(scheme: Scheme, given: object) -> int | None:
    """Return how long tokens live."""
    if given is None:
        return scheme.lifetime
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given <= MAX_LIFETIME:
        raise ConfigurationError("lifetime= must be a whole number of seconds above 0")
    if not scheme.expires:
        raise ConfigurationError(f"{scheme.slug}: its tokens do not end; leave lifetime= out")
    if scheme.max_lifetime is not None and given > scheme.max_lifetime:
        raise ConfigurationError(
            f"{scheme.slug}: lifetime= must be at most {scheme.max_lifetime} seconds"
        )
    return given


def checked_claims(scheme: Scheme, given: Iterable[str]) -> tuple[str, ...]:
    """Return the names of further claims."""
    if not isinstance(given, Iterable):
        raise ConfigurationError("claims= must be a list of names")
    names: tuple[object, ...] = (given,) if isinstance(given, str) else tuple(given)
    if names and (scheme.jwt is None or not scheme.jwt.attributes):
        raise ConfigurationError(f"{scheme.slug} takes no claims of your choice")
    if scheme.jwt is not None:
        taken = _REGISTERED_CLAIMS.union(scheme.jwt.claims)
        for name in names:
            if not isinstance(name, str) or name in taken:
                raise ConfigurationError(f"{scheme.slug}: {name!r} cannot be one of claims=")
        if scheme.jwt.attributes and not names and not signs_principal(scheme):
            raise ConfigurationError(
                f"{scheme.slug} signs what you choose: name it in claims=, such as ['email']"
            )
    return tuple(map(str, names))
