"""Builds the signers of the entry ``SIGNERS`` of the setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from countermark._redaction import shown
from countermark.errors import ConfigurationError
from countermark.keys._user import keyring_of_variable
from countermark.schemes._scheme import Scheme
from countermark.signing._config import Signers
from countermark.signing._signer import Signer
from countermark.signing._tenants import by_scheme
from countermark.tokens._options import settings_from_env

#: The options that are passed to ``Signer`` unchanged.
ARGUMENTS = frozenset({"header", "environment", "id_pattern", "lifetime", "claims", "never_signed"})
_OTHERS = frozenset({"variable", "keyring", "settings", "watch"})


class SettingError(ConfigurationError):
    """The setting has a wrong format."""


def signers_of(
    given: object, environment: str | None, function: Callable[[object, str], Any]
) -> Signers:
    """Return the signers that *given* describes, or the function of tenants.

    Args:
        given: The entry ``SIGNERS``.
        environment: The environment of the signers that name none.
        function: Imports a dotted path.

    Raises:
        ConfigurationError: It does not describe signers.
    """
    if callable(given) or (isinstance(given, str) and "." in given):
        by_tenant: Signers = function(given, "SIGNERS")
        return by_tenant
    if isinstance(given, Mapping):
        signers = [_signer(slug, options, environment) for slug, options in given.items()]
    elif isinstance(given, list | tuple):
        signers = [
            one if isinstance(one, Signer) else _signer(one, {}, environment) for one in given
        ]
    else:
        signers = []
    if not signers:
        raise SettingError("SIGNERS must name schemes, such as ['stigg']")
    return list(by_scheme(signers).values())


def _signer(slug: object, options: object, environment: str | None) -> Signer:
    if not isinstance(slug, str):
        raise SettingError(
            "SIGNERS must contain names of schemes, such as 'stigg', or Signer objects"
        )
    scheme = Scheme.load(slug)
    keyring, constants, arguments = scheme_options(
        scheme, options, ARGUMENTS, environment, f"SIGNERS[{slug!r}]"
    )
    return Signer(scheme, keyring, settings=constants, **arguments)


def scheme_options(
    scheme: Scheme,
    options: object,
    arguments: frozenset[str],
    environment: str | None,
    where: str,
) -> tuple[Any, dict[str, str], dict[str, Any]]:
    """Return the keyring, the constants and the arguments that a dictionary of options describes.

    Args:
        scheme: The scheme.
        options: The dictionary.
        arguments: The names of the options that are passed on unchanged.
        environment: The environment if the dictionary names none.
        where: The beginning of the messages.

    Raises:
        ConfigurationError: An option is unknown or invalid, or a secret is missing.
    """
    known = arguments | _OTHERS
    if not isinstance(options, Mapping):
        raise SettingError(f"{where} must be a dictionary of options; it may be empty")
    unknown = sorted({shown(name, known) for name in set(options) - known})
    if unknown:
        raise SettingError(
            f"{where} has no option {', '.join(unknown)}; leave it out. The options"
            f" are {', '.join(sorted(known))}"
        )
    if {"variable", "keyring"} <= set(options):
        raise SettingError(f"{where} has both variable and keyring; keep one")
    variable, constants = options.get("variable", scheme.variable), options.get("settings", {})
    if not isinstance(variable, str) or not isinstance(constants, Mapping):
        raise SettingError(f"{where}: variable must be a text, and settings a dictionary")
    watch = options.get("watch", False)
    if not isinstance(watch, bool) or ("watch" in options and "keyring" in options):
        raise SettingError(f"{where}: watch must be True or False, and belongs to variable")
    keyring = (
        options["keyring"] if "keyring" in options else keyring_of_variable(variable, watch=watch)
    )
    given = {name: options[name] for name in arguments & set(options)}
    return keyring, settings_from_env(scheme, constants), {"environment": environment} | given
