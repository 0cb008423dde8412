"""Reads the setting ``COUNTERMARK``, and checks it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from countermark._option_checks import is_async
from countermark._redaction import shown
from countermark.django._resolvers import acurrent_user, current_user
from countermark.django._signers import SettingError, signers_of
from countermark.errors import ConfigurationError, InvalidKey, UnknownScheme
from countermark.principal import Signable
from countermark.signing._config import SigningConfig
from countermark.signing._response_headers import ResponseHeaders, text_headers

# The keys that are options of SigningConfig as they are.
_OPTIONS = frozenset({"VARY", "CACHE_CONTROL", "SIGN_IMPERSONATED"})

#: The keys of the dictionary.
KEYS = _OPTIONS | {"SIGNERS", "RESOLVER", "ENVIRONMENT", "ON_EVENT"}


class NotImportable(ConfigurationError):
    """A dotted path does not lead to a callable."""


class Problem(NamedTuple):
    """A problem of the setting: the id of the check, and what to change."""

    id: str
    message: str


class Configuration(NamedTuple):
    """The checked setting, which all requests share.

    Attributes:
        signing: The signers and options of signing.
        resolve: The resolver for synchronous code.
        aresolve: The resolver for an event loop.
        ask_once: Whether a resolver is called once per request.
        headers: The rules for response headers.
        resolver_is_default: Whether ``request.user`` is the principal.
    """

    signing: SigningConfig
    resolve: Callable[[Any], Signable | None]
    aresolve: Callable[[Any], Awaitable[Signable | None]]
    ask_once: bool
    headers: ResponseHeaders[str]
    resolver_is_default: bool


@cache
def current() -> Configuration:
    """Return the configuration that the settings describe now.

    Raises:
        ConfigurationError: The setting is invalid; the message lists all problems.
    """
    configuration, problems = examine(getattr(settings, "COUNTERMARK", None))
    # The settings, which may hold keys, are in no frame of a traceback from here.
    if configuration is None:
        raise ConfigurationError("COUNTERMARK: " + "; ".join(found.message for found in problems))
    return configuration


def _forget(*, setting: str, **rest: Any) -> None:
    if setting == "COUNTERMARK":
        current.cache_clear()


setting_changed.connect(_forget)


def examine(given: object) -> tuple[Configuration | None, list[Problem]]:
    """Return the configuration that *given* describes, or None and its problems."""
    problems: list[Problem] = []

    def attempt(read: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return read(*arguments)
        except ConfigurationError as error:
            problems.append(Problem(check_id(error), str(error)))
            return None

    known = attempt(_known, given)
    if known is None:
        return None, problems
    signers = attempt(signers_of, known.get("SIGNERS"), known.get("ENVIRONMENT"), _function)
    resolver = attempt(_function, known.get("RESOLVER", current_user), "RESOLVER")
    on_event = attempt(_function, known["ON_EVENT"], "ON_EVENT") if known.get("ON_EVENT") else None
    configuration = None if problems else attempt(_build, known, signers, resolver, on_event)
    return configuration, problems


def check_id(error: ConfigurationError) -> str:
    """Return the id of the check that an error belongs to."""
    kinds = {SettingError: 1, UnknownScheme: 2, InvalidKey: 3, NotImportable: 4}
    return f"countermark.E00{kinds.get(type(error), 5)}"


def _known(given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise SettingError("it must be a dictionary, such as {'SIGNERS': ['stigg']}")
    unknown = sorted({shown(key, KEYS) for key in set(given) - KEYS})
    if unknown:
        raise SettingError(
            f"it has no key {', '.join(unknown)}; leave it out. The keys are"
            f" {', '.join(sorted(KEYS))}"
        )
    if not isinstance(given.get("SIGN_IMPERSONATED", False), bool):
        raise SettingError("SIGN_IMPERSONATED must be True or False, not a text")
    return given


def _function(given: object, key: str) -> Any:
    """Return *given* if it is callable, or the callable at its dotted path."""
    found = given
    if isinstance(given, str):
        try:
            found = import_string(given)
        except Exception as error:  # the module may raise anything
            kind = type(error).__name__
        else:
            kind = ""
        if kind:  # raised here, because the message of the caught error may quote a key
            raise NotImportable(
                f"{key} cannot be imported ({kind}); give a function, or the dotted path of one"
            )
    if not callable(found):
        raise NotImportable(f"{key} must be a function, or the dotted path of one")
    return found


def _build(known: Mapping[str, Any], signers: Any, resolver: Any, on_event: Any) -> Configuration:
    options = {key.lower(): known[key] for key in _OPTIONS & set(known)}
    signing = SigningConfig(signers, resolver, on_event=on_event, bridge=True, **options)
    return Configuration(
        signing,
        signing.lookup.current,
        _awaitable(resolver),
        is_async(resolver),
        text_headers(signing),
        resolver is current_user,
    )


def _awaitable(resolver: Any) -> Any:
    if resolver is current_user:
        return acurrent_user
    # In Django's thread for synchronous code, which has the database connections.
    return resolver if is_async(resolver) else sync_to_async(resolver)
