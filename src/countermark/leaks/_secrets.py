"""The secrets to search for: given keyrings, or all of the environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from countermark._redaction import guarded, shown_variable
from countermark.errors import ConfigurationError
from countermark.keys._keyring import Keyring, is_set
from countermark.keys._private import PrivateKey
from countermark.keys._secret import SecretKey
from countermark.leaks._forms import LEAST, Needle, needles_of
from countermark.leaks._matcher import Matcher

#: The type of ``secrets=``: keyrings, by name or without; None: those of the environment.
Secrets: TypeAlias = "Mapping[str, Keyring] | Iterable[Keyring] | Keyring | None"

# The name of a secret that is given without one.
_UNNAMED = "secret"


@guarded
def secrets_from_env() -> dict[str, Keyring]:
    """Return the keyrings of all variables of the catalogues that are set, by variable.

    These are the variables of schemes and of webhooks, also those of verify tokens, each with
    ``_PREVIOUS``, ``_NEXT`` and ``_FILE``, as for :meth:`countermark.Keyring.from_env`. A blank
    variable counts as missing.

    Raises:
        InvalidKey: A secret is invalid; the message names the variable.
    """
    return {name: Keyring.from_env(name) for name in variables() if is_set(name)}


def variables() -> list[str]:
    """Return the environment variables of all secrets of the catalogues."""
    from countermark.schemes._catalogue import scheme_slugs
    from countermark.schemes._scheme import Scheme
    from countermark.webhooks._scheme import WebhookScheme, webhook_scheme_slugs

    names = {Scheme.load(slug).variable for slug in scheme_slugs()}
    for webhook in map(WebhookScheme.load, webhook_scheme_slugs()):
        names |= {webhook.signing_variable, webhook.token_variable}
    return sorted(names - {""})


def named_keyrings(secrets: Secrets) -> list[tuple[str, Keyring]]:
    """Return the keyrings of an argument with their names; None: those of the environment.

    Raises:
        ConfigurationError: The argument is invalid.
    """
    return list(_named(secrets_from_env() if secrets is None else secrets))


def matcher_of(keyrings: Iterable[tuple[str, Keyring]]) -> Matcher:
    """Return what searches for the keys that *keyrings* have now. Public keys are not secrets.

    Raises:
        ConfigurationError: There is no secret, or one is too short.
    """
    needles = [needle for name, ring in keyrings for needle in _needles(ring, name)]
    if not needles:
        raise ConfigurationError(
            "secrets= has no secret to search for; give keyrings, or set the variables of your"
            " vendors' secrets"
        )
    return Matcher(needles)


def needles_in(secrets: Any) -> list[Needle]:
    """Return all forms of *secrets*; there are none of public keys.

    Raises:
        ConfigurationError: A secret is too short, or the argument is invalid.
    """
    return [needle for name, ring in _named(secrets) for needle in _needles(ring, name)]


def _named(secrets: Any) -> Iterator[tuple[str, Keyring]]:
    if isinstance(secrets, Mapping):
        pairs = list(secrets.items())
    elif isinstance(secrets, Iterable) and not isinstance(secrets, str | bytes):
        pairs = [(_UNNAMED, ring) for ring in secrets]
    else:
        pairs = [(_UNNAMED, secrets)]
    for name, ring in pairs:
        if not isinstance(name, str) or not isinstance(ring, Keyring):
            raise ConfigurationError(
                "secrets= must be keyrings, or a mapping from names to keyrings; leave it out"
                " for those of the environment"
            )
        yield name, ring


def _needles(ring: Keyring, name: str) -> Iterator[Needle]:
    for _, key in ring.by_role():
        if not isinstance(key, SecretKey | PrivateKey):  # a public key
            continue
        secret = key._expose()  # noqa: SLF001  # not public, so that no other code shows secrets
        if len(secret) < LEAST:
            of = f" of {shown_variable(name)}" if name != _UNNAMED else ""
            raise ConfigurationError(
                f"the secret {key.key_id}{of} has fewer than {LEAST} bytes, so other text would"
                " contain it too; use a longer one, or do not search for it"
            )
        yield from needles_of(secret, name, key.key_id)
