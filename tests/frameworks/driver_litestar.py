"""Litestar, set up as on its page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from unittest.mock import patch

from docs.examples.litestar import app as example
from litestar import Litestar, MediaType, Request, Response, get, route
from litestar.response import Redirect, Stream

from tests.frameworks import cases
from tests.frameworks.clients import ASGIDriver, token_of, whose

AnyRequest = Request[Any, Any, Any]


def html(request: AnyRequest) -> Response[str]:
    identity = request.state.countermark
    body = "<!doctype html>" + example.identity_script(identity)
    return Response(body, media_type=MediaType.HTML, headers={"X-State": token_of(identity)})


@route("/page", http_method=["GET", "HEAD"])
async def page(request: AnyRequest) -> Response[str]:
    return html(request)


@get("/login")
async def login(request: AnyRequest) -> Response[str]:
    request.state.countermark.identify("user-2")
    return html(request)


@get("/logout")
async def logout(request: AnyRequest) -> Response[str]:
    request.state.countermark.forget()
    return html(request)


@get("/stream")
async def stream(request: AnyRequest) -> Stream:
    async def parts() -> AsyncIterator[str]:
        token = token_of(request.state.countermark)
        yield token[:3]
        yield token[3:]

    return Stream(parts())


@get("/redirect", status_code=302)
async def redirect() -> Redirect:
    return Redirect("/page")


@get("/not-modified", status_code=304)
async def not_modified() -> Response[None]:
    return Response(None, headers={"ETag": '"1"'})


@get("/error")
async def error() -> None:
    raise ZeroDivisionError


@get("/file")
async def file() -> Response[str]:
    return Response("a", headers={"ETag": '"1"'})


@get("/public")
async def public() -> Response[str]:
    return Response("a", headers={"Cache-Control": "public, max-age=60"})


VIEWS = [page, login, logout, stream, redirect, not_modified, error, file, public]


def create_example() -> Litestar:
    """Return the example's application, with the logging of these tests left alone."""
    with patch.object(example, "Litestar", partial(Litestar, logging_config=None)):
        app: Litestar = example.create_app()
    return app


def create_app() -> Litestar:
    with patch.multiple(example, signers=cases.signers, principal=whose):
        app = create_example()
    for view in VIEWS:
        app.register(view)
    return app


driver = ASGIDriver("litestar", create_app())

# Litestar runs an application's middlewares for its routes only, sessions as well: on a path
# that has none, nobody is signed in to it either.
DIFFERENT: dict[str, dict[str, Any]] = {
    "not found": {"header": None, "closed": False, "varies": False},
    "not found, anonymous": {"varies": False},
}
