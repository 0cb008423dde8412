"""Bottle, set up as on its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from bottle import HTTPResponse, request, template
from docs.examples.bottle import app as example

from countermark.wsgi import IDENTITY_KEY
from tests.frameworks import cases
from tests.frameworks.clients import WSGIDriver, token_of, whose


def page() -> HTTPResponse:
    identity = request.environ[IDENTITY_KEY]
    html = template("<!doctype html>{{!script}}", script=example.identity_script(identity))
    return HTTPResponse(html, headers={"X-State": token_of(identity)})


def login() -> HTTPResponse:
    request.environ[IDENTITY_KEY].identify("user-2")
    return page()


def logout() -> HTTPResponse:
    request.environ[IDENTITY_KEY].forget()
    return page()


def stream() -> Iterator[str]:
    token = token_of(request.environ[IDENTITY_KEY])
    yield token[:3]
    yield token[3:]


def create_app() -> Any:
    with patch.multiple(example, signers=cases.signers, principal=whose):
        app = example.create_app()
    for view in (page, login, logout, stream):
        app.app.get(f"/{view.__name__}", callback=view)
    app.app.get("/redirect", callback=lambda: HTTPResponse("", 302, {"Location": "/page"}))
    app.app.get("/not-modified", callback=lambda: HTTPResponse("", 304, {"ETag": '"1"'}))
    app.app.get("/error", callback=lambda: 1 / 0)
    app.app.get("/file", callback=lambda: HTTPResponse("a", 200, {"ETag": '"1"'}))
    public = {"Cache-Control": "public, max-age=60"}
    app.app.get("/public", callback=lambda: HTTPResponse("a", 200, public))
    return app


driver = WSGIDriver("bottle", create_app())

DIFFERENT: dict[str, dict[str, Any]] = {}
