"""Pyramid, set up as on its page."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from countermark.wsgi import IDENTITY_KEY
from tests.frameworks import cases
from tests.frameworks.clients import WSGIDriver, token_of, whose

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # WebOb imports cgi, and Pyramid pkg_resources
    from docs.examples.pyramid import app as example
    from pyramid.config import Configurator
    from pyramid.request import Request
    from pyramid.response import Response


def page(request: Request) -> Response:
    identity = request.environ[IDENTITY_KEY]
    state = {"X-State": token_of(identity)}
    return Response("<!doctype html>" + example.identity_script(identity), headers=state)


def login(request: Request) -> Response:
    request.environ[IDENTITY_KEY].identify("user-2")
    return page(request)


def logout(request: Request) -> Response:
    request.environ[IDENTITY_KEY].forget()
    return page(request)


def stream(request: Request) -> Response:
    def parts() -> Iterator[bytes]:
        token = token_of(request.environ[IDENTITY_KEY]).encode()
        yield token[:3]
        yield token[3:]

    return Response(app_iter=parts())


def redirect(request: Request) -> Response:
    return Response(status=302, location="/page")


def not_modified(request: Request) -> Response:
    return Response(status=304, etag="1")


def error(request: Request) -> Response:
    raise ZeroDivisionError


def file(request: Request) -> Response:
    return Response("a", etag="1")


def public(request: Request) -> Response:
    return Response("a", cache_control="public, max-age=60")


VIEWS = [page, login, logout, stream, redirect, not_modified, error, file, public]


class CasesConfigurator(Configurator):  # type: ignore[misc]  # Pyramid has no types
    """Adds the pages of the cases to those of the example."""

    def make_wsgi_app(self) -> Any:
        for view in VIEWS:
            self.add_route(f"tests-{view.__name__}", "/" + view.__name__.replace("_", "-"))
            self.add_view(view, route_name=f"tests-{view.__name__}")
        return super().make_wsgi_app()


def create_example() -> Any:
    return example.create_app()


def create_app() -> Any:
    with (
        patch.dict(os.environ, SECRET_KEY=cases.SECRET),
        patch.multiple(
            example, signers=cases.signers, principal=whose, Configurator=CasesConfigurator
        ),
    ):
        return example.create_app()


driver = WSGIDriver("pyramid", create_app())

# Pyramid has no page for errors that nobody handles: they reach the server, and its 500
# comes from outside of everything.
DIFFERENT: dict[str, dict[str, Any]] = {
    "unhandled error": {"header": None, "closed": False, "varies": False}
}
