"""Checks the options of signers and verifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import time
from typing import Any, NamedTuple

from countermark._redaction import shown, shown_variable
from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._keyring import Key, Keyring
from countermark.keys._secret import SecretKey
from countermark.keys._user import keyring_of_variable
from countermark.schemes._formats import FORMATS
from countermark.schemes._parts import MAX_LIFETIME
from countermark.schemes._patterns import checked_pattern
from countermark.schemes._scheme import Scheme, with_templates
from countermark.schemes._templates import Placeholder, Template
from countermark.schemes._value_rules import ValueRule

# Claims with a meaning of their own, which no option can set.
_REGISTERED_CLAIMS = frozenset({"aud", "exp", "iat", "iss", "jti", "nbf", "sub"})


class TokenOptions(NamedTuple):
    """The checked options that tokens depend on.

    Attributes:
        rule: The rule for ids, of the scheme and of the user.
        lifetime: How long tokens are valid, in seconds, or None.
        claims: Names of values and attributes that become claims of the user's own choice.
        clock: Returns the time, in seconds since the epoch.
    """

    rule: ValueRule
    lifetime: int | None = None
    claims: tuple[str, ...] = ()
    clock: Callable[[], float] = time


def checked_scheme(scheme: object, never_signed: Iterable[str] = ()) -> Scheme:
    """Return a scheme, or the scheme of a name, without the values that are never signed."""
    if isinstance(scheme, str):
        scheme = Scheme.load(scheme)
    if not isinstance(scheme, Scheme):
        raise ConfigurationError(
            "scheme must be the name of a scheme, such as 'stigg', or a Scheme"
        )
    if not never_signed and isinstance(never_signed, tuple):
        return scheme
    from countermark.schemes._never_signed import without_values  # late, as few accounts need it

    return without_values(scheme, never_signed)


def check_keys(
    scheme: Scheme, keyring: Keyring, environment: object, *, signs: bool = True
) -> None:
    """Check that all keys can sign or verify for the scheme, and belong to the environment."""
    if environment is not None and not isinstance(environment, str):
        raise ConfigurationError("environment= must be the name of an environment, such as 'live'")
    for _, key in keyring.by_role():
        _check_key(scheme, key, environment, signs=signs)


def _check_key(scheme: Scheme, key: Key, environment: str | None, *, signs: bool) -> None:
    if scheme.jwt is not None:
        from countermark.tokens._jwt import check_kind

        check_kind(scheme.jwt.algorithm, key, signs=signs)
    elif not isinstance(key, SecretKey):
        raise InvalidKey(
            f"{scheme.slug} needs a shared secret, not a key in PEM; give the secret, as text"
        )
    if not isinstance(key, SecretKey):
        return
    if key.starts_with(scheme.refuse_prefixes):
        raise InvalidKey(
            f"{scheme.slug}: this is a publishable key or the id of a key, not the secret"
            f" that {shown_variable(scheme.variable)} is for; copy the secret itself"
        )
    for of, prefixes in scheme.environments.items():
        if environment not in (None, of) and key.starts_with(prefixes):
            raise InvalidKey(
                f"{scheme.slug}: the key in {shown_variable(scheme.variable)} belongs to the"
                f" environment {of!r}, but environment= is"
                f" {shown(environment, _environments(scheme))}; change one of them"
            )


def least_bytes(scheme: Scheme, key: Key) -> int | None:
    """Return the least number of bytes of a secret for *scheme*, if *key* has fewer."""
    form = scheme.mac.key if scheme.mac else "text"
    # RFC 7518, section 3.2: at least as long as the output of the hash.
    least = 64 if scheme.jwt and scheme.jwt.algorithm == "HS512" else 32
    return least if isinstance(key, SecretKey) and key.looks_short(form, least) else None


def check_not_weaker(scheme: Scheme, new: Keyring, old: Keyring) -> None:
    """Refuse a keyring with a short secret if *old* has none: the secret may be cut off.

    Raises:
        InvalidKey: It has one, or a secret does not have the form that the scheme needs.
    """

    def shortest(ring: Keyring) -> int | None:
        return next(filter(None, (least_bytes(scheme, key) for _, key in ring.by_role())), None)

    least = shortest(new)
    if least is not None and shortest(old) is None:
        raise InvalidKey(
            f"{scheme.slug}: the new secret has fewer than {least} bytes, unlike those in use; it"
            " may be cut off, so copy it again"
        )


def checked_id_rule(scheme: Scheme, id_pattern: object) -> ValueRule:
    """Return the rule for ids: the scheme's, with the user's pattern."""
    rule = scheme.rule("id")
    if id_pattern is None:
        return rule
    return rule._replace(patterns=(*rule.patterns, checked_pattern(id_pattern, "id_pattern")))


def keyring_from_env(scheme: Scheme, *, watch: bool = False) -> Keyring:
    """Return the keys in the environment variable that the scheme names, watched if wanted."""
    if not scheme.variable:
        raise ConfigurationError(
            f"{scheme.slug} names no environment variable for its secret; give the keyring"
            " yourself: Keyring(secret) or Keyring.from_env('VARIABLE')"
        )
    return keyring_of_variable(scheme.variable, watch=watch)


def settings_from_env(scheme: Scheme, given: Mapping[str, str] | None) -> dict[str, str]:
    """Return the given constants, and those of the scheme's environment variables."""
    import os

    if not isinstance(given or {}, Mapping):
        raise ConfigurationError("settings= must be a mapping from names to texts")
    found = {
        name: os.environ[setting.variable]
        for name, setting in scheme.settings.items()
        if setting.variable in os.environ
    }
    return {**found, **(given or {})}


def with_settings(scheme: Scheme, given: Mapping[str, str] | None) -> Scheme:
    """Return *scheme* with the account's constants in its templates.

    An optional constant that is empty stays a placeholder, which has no value.

    Raises:
        ConfigurationError: A constant is missing, unknown or not a text.
    """
    constants = {f"settings.{name}": v for name, v in checked_settings(scheme, given).items() if v}
    if not constants:
        return scheme

    def resolve(part: str | Placeholder) -> str | Placeholder:
        if isinstance(part, str) or part.names[0] not in constants:
            return part
        value = constants[part.names[0]]
        return str(FORMATS[part.format].apply(value)) if part.format else value

    return with_templates(scheme, lambda template: Template.of(map(resolve, template.parts)))


def checked_settings(scheme: Scheme, given: Mapping[str, str] | None) -> dict[str, str]:
    """Return the constants of a scheme: all of them, as texts."""
    if not isinstance(given or {}, Mapping):
        raise ConfigurationError("settings= must be a mapping from names to texts")
    given = dict(given or {})
    found: dict[str, Any] = {}
    for name, setting in scheme.settings.items():
        value: object = given.pop(name, setting.default)
        if value is None:
            raise ConfigurationError(
                f"{scheme.slug} needs settings={{{name!r}: …}}; give it, or set"
                f" {shown_variable(setting.variable)} for from_env()"
            )
        if not _is_constant(value) or (not value and setting.default != ""):
            raise ConfigurationError(
                f"{scheme.slug}: settings[{name!r}] must be visible ASCII text, and not empty"
            )
        found[name] = value
    if given:
        unknown = shown(min(given, key=str), scheme.settings)
        names = ", ".join(scheme.settings) or "none"
        raise ConfigurationError(
            f"{scheme.slug} has no setting {unknown}; leave it out (its settings: {names})"
        )
    return found


def _is_constant(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        and value.strip() == value
    )


def _environments(scheme: Scheme) -> tuple[str, ...]:
    return (*scheme.environments, "live", "test", "sandbox", "staging", "production")


def checked_lifetime(scheme: Scheme, given: object) -> int | None:
    """Return how long tokens are valid, in seconds, or None."""
    if given is None:
        return scheme.lifetime
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given <= MAX_LIFETIME:
        raise ConfigurationError("lifetime= must be a whole number of seconds above 0")
    if not scheme.expires:
        raise ConfigurationError(f"{scheme.slug}: its tokens do not expire; leave lifetime= out")
    if scheme.max_lifetime is not None and given > scheme.max_lifetime:
        raise ConfigurationError(
            f"{scheme.slug}: lifetime= must be at most {scheme.max_lifetime} seconds"
        )
    if scheme.min_lifetime is not None and given < scheme.min_lifetime:
        raise ConfigurationError(
            f"{scheme.slug}: lifetime= must be at least {scheme.min_lifetime} seconds"
        )
    return given


def checked_claims(scheme: Scheme, given: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the claims of the user's own choice."""
    if not isinstance(given, Iterable):
        raise ConfigurationError("claims= must be a list of names, such as ['email']")
    names: tuple[object, ...] = (given,) if isinstance(given, str) else tuple(given)
    if names and (scheme.jwt is None or not scheme.jwt.attributes):
        raise ConfigurationError(f"{scheme.slug} takes no further claims; leave claims= out")
    if scheme.jwt is not None:
        taken = _REGISTERED_CLAIMS.union(scheme.jwt.claims)
        for name in names:
            if not isinstance(name, str) or name in taken:
                raise ConfigurationError(
                    f"{scheme.slug}: claims= holds {shown(name, taken)}, which is not a text or is"
                    " set by the scheme; leave it out"
                )
        if scheme.jwt.attributes and not names and not scheme.signs_principal:
            raise ConfigurationError(
                f"{scheme.slug} signs what you choose: name it in claims=, such as ['email']"
            )
    return tuple(map(str, names))
