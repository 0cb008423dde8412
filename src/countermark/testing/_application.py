"""The application behind a test client: its layers, and the code that reads each request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from countermark.errors import ConfigurationError
from countermark.signing._config import SigningConfig

_MOST_LAYERS = 50


def layers_of(client: Any) -> Iterator[Any]:
    """Yield the application of a client of Starlette, Flask or Werkzeug, from the outside in.

    Middlewares have the next layer in ``app``.
    """
    layer = getattr(client, "application", None) or getattr(client, "app", None)
    for _ in range(_MOST_LAYERS):
        if layer is None:
            return
        yield layer
        inner = getattr(layer, "app", None) or getattr(layer, "wsgi_app", None)
        layer = getattr(inner, "__self__", inner)  # the innermost wsgi_app of Flask is a method


def _declared(layer: Any) -> Iterator[Any]:
    """Yield the middlewares that Starlette or Litestar builds later, which have *kwargs*."""
    listed = getattr(layer, "user_middleware", None) or getattr(layer, "middleware", ())
    if isinstance(listed, list):  # in Starlette it is a decorator
        yield from (middleware for middleware in listed if hasattr(middleware, "kwargs"))


def resolvers_of(client: Any) -> Iterator[Any]:
    """Yield the functions that find the principals of requests, as far as they are known."""
    if hasattr(client, "generic"):
        from countermark.django._conf import current

        with suppress(ConfigurationError):  # the application signs by another middleware
            yield current().signing.lookup.current
        return
    for layer in layers_of(client):
        for middleware in _declared(layer):
            yield middleware.kwargs.get("principal")
        config = getattr(layer, "_config", None)
        if isinstance(config, SigningConfig):
            lookup = config.lookup
            yield lookup.load if lookup.needs_load else lookup.current


def middlewares_of(client: Any) -> Iterator[Any]:
    """Yield the functions, classes and objects that read a request before its route does."""
    if hasattr(client, "generic"):
        from django.conf import settings
        from django.utils.module_loading import import_string

        yield from map(import_string, (*settings.MIDDLEWARE, *settings.AUTHENTICATION_BACKENDS))
        return
    for layer in layers_of(client):
        yield layer
        for middleware in _declared(layer):
            yield getattr(middleware, "cls", None) or getattr(middleware, "middleware", None)
            yield from middleware.kwargs.values()  # such as the backend of authentication
        for functions in getattr(layer, "before_request_funcs", {}).values():  # of Flask
            yield from functions
        login = getattr(layer, "login_manager", None)  # of Flask-Login
        yield getattr(login, "_user_callback", None)
        yield getattr(login, "_request_callback", None)
