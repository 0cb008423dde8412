"""Reads the setting ``COUNTERMARK_VERIFYING``, and checks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from countermark._redaction import shown
from countermark.django._conf import NotImportable, Problem, check_id
from countermark.django._signers import SettingError, scheme_options
from countermark.errors import ConfigurationError
from countermark.schemes._scheme import Scheme
from countermark.verifying._enforcement import Enforcement, EnforcementOptions
from countermark.verifying._verifier import Verifier

NAME = "COUNTERMARK_VERIFYING"

#: The options of ``Verifier`` that the dictionary of a scheme may have.
ARGUMENTS = frozenset(
    {
        "allow_short_secret",
        "environment",
        "id_pattern",
        "leeway",
        "max_age",
        "never_signed",
        "other_environments",
    }
)

_OPTIONS = {name.upper() for name in EnforcementOptions.__optional_keys__}
#: The keys of the dictionary.
KEYS = frozenset({"VERIFIER", "MODE", "ENVIRONMENT"} | _OPTIONS)


@cache
def current() -> Enforcement:
    """Return the enforcement that the settings describe now.

    Raises:
        ConfigurationError: The setting is invalid; the message lists the problems.
    """
    enforcement, problems = examine(getattr(settings, NAME, None))
    # The settings, which may hold keys, are in no frame of a traceback from here.
    if enforcement is None:
        raise ConfigurationError(f"{NAME}: " + "; ".join(found.message for found in problems))
    return enforcement


def _forget(*, setting: str, **rest: Any) -> None:
    if setting == NAME:
        current.cache_clear()


setting_changed.connect(_forget)


def examine(given: object) -> tuple[Enforcement | None, list[Problem]]:
    """Return the enforcement that *given* describes, or None and its problems."""
    try:
        return _built(_known(given)), []
    except ConfigurationError as error:
        return None, [Problem(check_id(error), str(error))]


def _known(given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise SettingError(
            "it must be a dictionary, such as {'VERIFIER': 'stigg', 'MODE': 'monitor'}"
        )
    unknown = sorted({shown(key, KEYS) for key in set(given) - KEYS})
    if unknown:
        raise SettingError(
            f"it has no key {', '.join(unknown)}; leave it out. The keys are"
            f" {', '.join(sorted(KEYS))}"
        )
    for key in ("VERIFIER", "MODE"):
        if key not in given:
            raise SettingError(f"it needs the key {key}")
    return given


def _built(known: Mapping[str, Any]) -> Enforcement:
    options: Any = {
        key.lower(): _imported(value, key)
        for key, value in known.items()
        if key not in ("VERIFIER", "ENVIRONMENT")
    }
    return Enforcement(_verifier(known["VERIFIER"], known.get("ENVIRONMENT")), **options)


def _imported(given: object, key: str) -> Any:
    """Return *given*, or the object at its dotted path: no other text has a dot in it."""
    if not isinstance(given, str) or "." not in given:
        return given
    try:
        return import_string(given)
    except Exception as error:  # the module may raise anything
        kind = type(error).__name__
    # Raised here, because the message of the caught error may quote a key.
    raise NotImportable(f"{key} cannot be imported ({kind}); correct the dotted path")


def _verifier(
    given: object, environment: str | None
) -> Verifier | Callable[[str], Verifier | None]:
    given = _imported(given, "VERIFIER")
    if isinstance(given, Verifier) or callable(given):
        return given
    if isinstance(given, str):
        given = {given: {}}
    if not isinstance(given, Mapping) or len(given) != 1:
        raise SettingError(
            "VERIFIER must be the name of a scheme, a Verifier, or a dictionary of one scheme and"
            " its options, such as {'stigg': {}}"
        )
    ((slug, options),) = given.items()
    scheme = Scheme.load(slug)
    keyring, constants, arguments = scheme_options(
        scheme, options, ARGUMENTS, environment, f"VERIFIER[{slug!r}]"
    )
    return Verifier(scheme, keyring, settings=constants, **arguments)
