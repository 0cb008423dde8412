"""Django: the settings, with the checks of ``manage.py check`` and those of this command."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

from countermark.check._application import Cors, header_set
from countermark.check._cors import allows_foreign
from countermark.check._findings import Finding, Severity
from countermark.check._parts import Part
from countermark.check._walk import Place, Walk
from countermark.errors import ConfigurationError

_PAGE = "docs/django-checks.md"
# The checks of Django that this command has too, for all frameworks, by its codes.
_SAME = {"weak_key": "countermark.W007", "ambiguous_scheme": "countermark.W008"}
# The default of django-cors-headers for CORS_ALLOW_HEADERS.
_ALLOWED = (
    "accept",
    "authorization",
    "content-type",
    "user-agent",
    "x-csrftoken",
    "x-requested-with",
)
_CORS_MIDDLEWARE = "corsheaders.middleware.CorsMiddleware"


def set_up(module: str) -> None:
    """Prepare Django with a module of settings. This imports the applications that it lists.

    Raises:
        Exception: A module raised it.
    """
    import django

    import_module(module)  # Django reads it only if no settings are configured yet
    os.environ["DJANGO_SETTINGS_MODULE"] = module
    django.setup()


def expand(walk: Walk, handler: Any, place: Place) -> None:
    """Add what the settings describe, inside the wrappers of Django's handler."""
    walk.end_lifespan(place)  # Django's handler raises at the scope of a lifespan
    add_settings(walk, place)


def add_settings(walk: Walk, place: Place) -> None:
    """Add the parts and the findings of the settings."""
    from django.conf import settings
    from django.core.checks import WARNING

    from countermark.django import _checks, _verifying_conf

    names = ("COUNTERMARK", _verifying_conf.NAME)
    ours = [name for name in (_checks.MIDDLEWARE, _checks.VERIFYING) if name in settings.MIDDLEWARE]
    if not ours and not any(hasattr(settings, name) for name in names):
        return
    if _CORS_MIDDLEWARE in settings.MIDDLEWARE:
        walk.add_cors("corsheaders", _cors_of(settings), place)
    for message in _checks.check_settings():
        is_own = message.id in _SAME.values()
        if message.level >= WARNING and not is_own and not message.is_silenced():
            walk.application.findings.append(_finding(message))
    for code, id in _SAME.items():
        if id in settings.SILENCED_SYSTEM_CHECKS:
            walk.application.silenced.add(code)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say has findings of its own
        for part in _parts():
            walk.add_part(part, place)


def file_of_settings() -> str | None:
    """Return the path of the module of settings."""
    module = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    return getattr(module, "__file__", None)


def _finding(message: Any) -> Finding:
    severity: Severity = "error" if message.is_serious() else "warning"
    text = str(message.msg).rstrip(".")
    hint = str(message.hint or "correct the setting").rstrip(".")
    advice = hint[0].lower() + hint[1:]
    return Finding(message.id, severity, "settings", text, advice, _PAGE)


def _parts() -> Iterator[Part]:
    """Yield the parts that the settings describe, except for invalid settings."""
    from django.conf import settings

    from countermark.django import _conf, _verifying_conf

    name, verifying = "COUNTERMARK", _verifying_conf.NAME
    readers: dict[str, Callable[[], Part]] = {
        name: lambda: Part(name, False, signing=_conf.current().signing),
        verifying: lambda: Part(verifying, False, enforcement=_verifying_conf.current()),
    }
    for setting, read in readers.items():
        if hasattr(settings, setting):
            with suppress(ConfigurationError):  # it is among the findings of Django's checks
                yield read()


def _cors_of(settings: Any) -> Cors:
    names = ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL")
    return Cors(
        every_origin=any(getattr(settings, name, False) for name in names)
        or allows_foreign(getattr(settings, "CORS_ALLOWED_ORIGIN_REGEXES", ())),
        credentials=getattr(settings, "CORS_ALLOW_CREDENTIALS", False),
        exposed=header_set(getattr(settings, "CORS_EXPOSE_HEADERS", ())),
        allowed=header_set(getattr(settings, "CORS_ALLOW_HEADERS", _ALLOWED)),
        expose_setting="CORS_EXPOSE_HEADERS",
        allow_setting="CORS_ALLOW_HEADERS",
    )
