"""The checks of ``manage.py check``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from countermark.django import _verifying_conf
from countermark.django._conf import Configuration, Problem, examine
from countermark.django._impersonation import installed_packages
from countermark.errors import AmbiguousSchemeWarning, UnwatchedKeyWarning, WeakKeyWarning

T = TypeVar("T")

VERIFYING = "countermark.django.verifying.VerifyingMiddleware"
MIDDLEWARE = "countermark.django.middleware.SigningMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
FETCH_CACHE = "django.middleware.cache.FetchFromCacheMiddleware"
UPDATE_CACHE = "django.middleware.cache.UpdateCacheMiddleware"
CONDITIONAL_GET = "django.middleware.http.ConditionalGetMiddleware"

_KINDS: dict[type[Warning], str] = {
    WeakKeyWarning: "countermark.W007",
    AmbiguousSchemeWarning: "countermark.W008",
    UnwatchedKeyWarning: "countermark.W013",
}


def register_all() -> None:
    """Register the checks with Django."""
    checks.register(check_settings, checks.Tags.security)


def check_settings(**kwargs: Any) -> list[checks.CheckMessage]:
    """Check the settings, and the places of the middlewares."""
    verifies = hasattr(settings, _verifying_conf.NAME) or VERIFYING in settings.MIDDLEWARE
    if verifies and not hasattr(settings, "COUNTERMARK") and MIDDLEWARE not in settings.MIDDLEWARE:
        return _check_verifying()  # a service that signs nothing
    return [*_check_signing(), *(_check_verifying() if verifies else ())]


def _check_signing() -> list[checks.CheckMessage]:
    configuration, found = _examined("COUNTERMARK", examine)
    return [*found, *_check_middleware(configuration), *_check_impersonation(configuration)]


def _check_verifying() -> list[checks.CheckMessage]:
    _, found = _examined(_verifying_conf.NAME, _verifying_conf.examine)
    places = _places()
    if VERIFYING not in places:
        found.append(
            checks.Warning(
                f"{_verifying_conf.NAME} is set and MIDDLEWARE lacks its middleware, so no request"
                " is verified.",
                hint=f"Add '{VERIFYING}' to MIDDLEWARE.",
                id="countermark.W011",
            )
        )
    elif places.get(FETCH_CACHE, len(places)) < places[VERIFYING]:
        found.append(
            checks.Warning(
                "FetchFromCacheMiddleware comes before countermark's VerifyingMiddleware, so it"
                " sends cached pages to clients without a token.",
                hint=f"Put '{VERIFYING}' before '{FETCH_CACHE}'.",
                id="countermark.W012",
            )
        )
    return found


def _examined(
    name: str, read: Callable[[object], tuple[T | None, list[Problem]]]
) -> tuple[T | None, list[checks.CheckMessage]]:
    """Return what the setting *name* describes, with its errors and warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        described, problems = read(getattr(settings, name, None))
    found: list[checks.CheckMessage] = [
        checks.Error(f"{name}: {problem.message}", id=problem.id) for problem in problems
    ]
    found += [
        checks.Warning(str(warning.message), id=_KINDS[warning.category])
        for warning in caught
        if warning.category in _KINDS
    ]
    return described, found


def _check_impersonation(configuration: Configuration | None) -> Iterator[checks.CheckMessage]:
    packages = ", ".join(installed_packages())
    if not packages or configuration is None:
        return
    if configuration.signing.sign_impersonated:
        yield checks.Info(
            f"With {packages} staff can act as a user, and SIGN_IMPERSONATED signs for that user.",
            hint="Remove 'SIGN_IMPERSONATED' to send no token while staff act as a user.",
            id="countermark.I002",
        )
    elif configuration.resolver_is_default:
        yield checks.Info(
            f"With {packages} staff can act as a user. No token is sent while they do.",
            hint="Set 'SIGN_IMPERSONATED': True to sign for the user all the same.",
            id="countermark.I001",
        )
    else:
        yield checks.Warning(
            f"With {packages} staff can act as a user, and RESOLVER decides whether tokens are"
            " signed for that user.",
            hint="Return Principal(..., actor=countermark.django.actor_from(request)) there, then"
            " silence this check.",
            id="countermark.W010",
        )


def _check_middleware(configuration: Configuration | None) -> Iterator[checks.CheckMessage]:
    places = _places()
    own = places.get(MIDDLEWARE)
    if own is None:
        yield checks.Warning(
            "MIDDLEWARE lacks countermark's middleware, so nothing is signed.",
            hint=f"Add '{MIDDLEWARE}' after '{AUTHENTICATION}'.",
            id="countermark.W001",
        )
        return
    yield from _check_authentication(places, own, configuration)
    if places.get(UPDATE_CACHE, -1) > own:
        yield checks.Warning(
            "A cache of whole pages is inside countermark's middleware, and stores pages"
            " before it is known that they depend on the user.",
            hint=f"Put '{UPDATE_CACHE}' first in MIDDLEWARE.",
            id="countermark.W003",
        )
    if configuration is not None:
        yield from _check_conditional_get(places, own, configuration)


def _check_authentication(
    places: dict[str, int], own: int, configuration: Configuration | None
) -> Iterator[checks.CheckMessage]:
    wanted = configuration is None or configuration.resolver_is_default
    for name in (SESSION, AUTHENTICATION):
        if places.get(name, -1) > own:
            yield checks.Warning(
                "countermark's middleware is outside authentication and sessions.",
                hint=f"Put '{MIDDLEWARE}' after '{name}'.",
                id="countermark.W002",
            )
    if wanted and AUTHENTICATION not in places:
        yield checks.Warning(
            "The principal is request.user, and no middleware sets it.",
            hint=f"Add '{AUTHENTICATION}' to MIDDLEWARE, or a RESOLVER to COUNTERMARK.",
            id="countermark.W004",
        )


def _check_conditional_get(
    places: dict[str, int], own: int, configuration: Configuration
) -> Iterator[checks.CheckMessage]:
    place = places.get(CONDITIONAL_GET)
    if place is None:
        return
    if place > own and not configuration.headers.silent:
        yield checks.Warning(
            "ConditionalGetMiddleware gives each page an ETag, and a page with an ETag gets no"
            " token header.",
            hint=f"Put '{CONDITIONAL_GET}' before '{MIDDLEWARE}'.",
            id="countermark.W005",
        )
    elif place < own and not configuration.headers.forbids_storing:
        yield checks.Error(
            "ConditionalGetMiddleware gives pages with a token an ETag. After the next user has"
            " signed in, a browser revalidates with it, gets a 304, and shows the page and the"
            " token of the previous user.",
            hint="Remove 'CACHE_CONTROL': 'private' from COUNTERMARK.",
            id="countermark.E006",
        )


def _places() -> dict[str, int]:
    """Return the position in ``MIDDLEWARE`` of each class and its base classes."""
    places: dict[str, int] = {}
    for place, path in enumerate(settings.MIDDLEWARE):
        try:
            middleware = import_string(path)
        except ImportError:  # Django reports it
            continue
        for cls in getattr(middleware, "__mro__", ()):
            places.setdefault(f"{cls.__module__}.{cls.__qualname__}", place)
    return places
