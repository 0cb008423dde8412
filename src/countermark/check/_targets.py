"""Checks an application, a module of Django's settings, a TOML file, or the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from countermark.check import _django, _flask, _litestar, _starlette
from countermark.check._application import Application
from countermark.check._blocking import check_functions
from countermark.check._cors import check_cors
from countermark.check._environment import (
    REDIS_URL,
    misspelled,
    misspelled_variables,
    nearest_set_variable,
    read_environment,
)
from countermark.check._files import read_file
from countermark.check._findings import Finding, finding
from countermark.check._keys import check_keys
from countermark.check._loading import Misuse, importing, load_application, place_of
from countermark.check._order import check_order
from countermark.check._parts import has_tenants
from countermark.check._schemes import check_schemes
from countermark.check._servers import check_lifespan, check_modes, check_store, check_stores
from countermark.check._spelling import check_names
from countermark.check._uses import Use
from countermark.check._walk import Place, Walk
from countermark.errors import ConfigurationError

_FRAMEWORKS = {
    "starlette.applications.Starlette": _starlette.expand,
    "litestar.app.Litestar": _litestar.expand,
    "flask.app.Flask": _flask.expand_flask,
    "quart.app.Quart": _flask.expand_quart,
    "django.core.handlers.base.BaseHandler": _django.expand,
}
_CHECKS = (
    check_names,
    check_order,
    check_cors,
    check_functions,
    check_lifespan,
    check_stores,
    check_modes,
)

# The message of a Keyring.
_MISSING = "the environment variable ([A-Z_0-9]+) is not set"


class Result(NamedTuple):
    """The outcome of a check.

    Attributes:
        findings: The mistakes.
        notes: The parts that could not be checked, and the reason.
        uses: The schemes that were checked.
    """

    findings: list[Finding]
    notes: list[str]
    uses: list[Use]


def check_application(target: str) -> Result:
    """Check the application at ``module:app`` or ``module:create_app()``.

    Raises:
        Misuse: There is no such application, or its import fails.
    """
    application = Application()
    try:
        app, module = load_application(target)
    except Misuse:
        raise
    except ConfigurationError as error:
        return Result(list(_refused(error)), [], [])
    Walk(application, _FRAMEWORKS).follow(app, Place())
    if not application.parts and not application.findings:
        raise Misuse("the application has no part of countermark; give the outermost wrapper of it")
    return _checked(application, getattr(module, "__file__", None))


def check_settings(module: str) -> Result:
    """Check a module of Django's settings.

    Raises:
        Misuse: Its import fails, or Django is not installed.
    """
    import countermark.django  # noqa: F401  # names the extra if there is no Django

    application = Application()
    with importing(module):
        _django.set_up(module)
    _django.add_settings(Walk(application, _FRAMEWORKS), Place())
    if not application.parts and not application.findings:
        raise Misuse(
            "the settings have neither COUNTERMARK nor COUNTERMARK_VERIFYING; give module:app to"
            " check an application of another framework"
        )
    return _checked(application, _django.file_of_settings())


def check_file(path: str) -> Result:
    """Check a TOML file: a scheme, a webhook scheme, or a file of modes.

    Raises:
        Misuse: It cannot be read.
    """
    try:
        mistakes, uses = read_file(path)
    except Misuse:
        raise
    except ConfigurationError as error:
        advice = "correct the file"
        return Result([finding("misconfigured", path, str(error), advice, file=path)], [], [])
    found = [each._replace(file=path) for each in check_schemes(uses)]
    return Result([*mistakes, *found], [], uses)


def check_environment() -> Result:
    """Check the variables of all schemes of the catalogue."""
    read = read_environment()
    application = Application()
    found = [*read.findings, *misspelled_variables(), *check_keys(read.uses)]
    found += check_schemes(read.uses)
    if url := os.environ.get(REDIS_URL):
        found += _check_redis(url, application)
    return Result(found, application.notes, read.uses)


def _checked(application: Application, file: str | None) -> Result:
    uses = list(application.uses)
    found = [*application.findings, *check_keys(uses), *check_schemes(uses)]
    for check in _CHECKS:
        found += check(application)
    missing = (name for each in found for name in re.findall(_MISSING, each.problem))
    found += misspelled_variables([*(use.variable for use in uses), *missing])
    notes = application.notes + [
        f"{part.where}: the keys of tenants are loaded during requests, and not checked"
        for part in application.parts
        if has_tenants(part)
    ]
    # A layer of several routes of Litestar is found several times.
    distinct = dict.fromkeys(each._replace(file=each.file or file) for each in found)
    kept = [each for each in distinct if each.code not in application.silenced]
    return Result(kept, list(dict.fromkeys(notes)), uses)


def _refused(error: ConfigurationError) -> Iterator[Finding]:
    """Yield the finding of an application that refuses its own configuration."""
    file, _, line = place_of(error).rpartition(":")
    missing = re.search(_MISSING, str(error))
    near = nearest_set_variable(missing[1]) if missing else None
    if missing and near:
        yield misspelled(near, missing[1])._replace(file=file, line=int(line))
    else:
        advice = "correct it: the application does not start"
        where = type(error).__name__
        yield finding("misconfigured", where, str(error), advice, file=file, line=int(line))


def _check_redis(url: str, application: Application) -> Iterator[Finding]:
    try:
        from countermark.redis import RedisStore  # an extra

        store = RedisStore(url)
    except (ConfigurationError, ImportError) as error:
        advice = "correct that, or unset the variable"
        yield finding("misconfigured", REDIS_URL, str(error), advice)
    else:
        yield from check_store(application, REDIS_URL, "meter", store)
