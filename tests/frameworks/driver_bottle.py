"""Bottle, set up as on its page, and the code that the WSGI drivers share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from bottle import HTTPResponse, request, template
from docs.examples.bottle import app as example
from werkzeug.test import Client

from countermark.wsgi import IDENTITY_KEY
from tests.frameworks import cases

PRINCIPAL = "tests.principal"  # the place in the environ or scope where these tests keep users


def whose(source: Any) -> Any:
    """Return the principal of the case, or raise it."""
    principal = source[PRINCIPAL]
    if isinstance(principal, Exception):
        raise principal
    return principal


def token_of(identity: Any) -> str:
    """Return what ``x-state`` holds."""
    signed = identity.get("stigg")
    return signed.token if signed else "-"


def without_errors(app: Any) -> Any:
    """Keep from werkzeug's client an error whose page the framework has made; it would raise it."""

    def served(environ: Any, start_response: Any) -> Any:
        return app(environ, lambda status, headers, error=None: start_response(status, headers))

    return served


class WSGIDriver:
    """Asks a WSGI application, without a server."""

    has_websockets = False

    def __init__(self, name: str, app: Any) -> None:
        self.name = name
        self._client = Client(without_errors(app), use_cookies=False)

    def get(self, path: str, principal: Any, *, method: str = "GET") -> cases.Response:
        overrides = {PRINCIPAL: principal}
        try:
            answer = self._client.open(path, method=method, environ_overrides=overrides)
        except ZeroDivisionError:  # of the page that raises
            return cases.Response(500, {})  # as a server would answer
        headers = {name.lower(): value for name, value in answer.headers}
        return cases.Response(answer.status_code, headers, answer.get_data(as_text=True))

    def accept(self, path: str, principal: Any) -> dict[str, str]:
        raise NotImplementedError("WSGI has no websockets")


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
