"""The code that the drivers of several frameworks share: principals, tokens and clients."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from werkzeug.test import Client

from tests.frameworks import cases

PRINCIPAL = "tests.principal"  # the place in the environ or scope where these tests keep users


def whose(source: Any) -> Any:
    """Return the principal of the case, or raise it."""
    principal = source[PRINCIPAL]
    if isinstance(principal, Exception):
        raise principal
    return principal


def token_of(identity: Any) -> str:
    """Return the value of the header ``x-state``."""
    signed = identity.get("stigg")
    return signed.token if signed else "-"


def without_errors(app: Any) -> Any:
    """Keep from werkzeug's client an error whose page the framework has made; it would raise it."""

    def served(environ: Any, start_response: Any) -> Any:
        return app(environ, lambda status, headers, error=None: start_response(status, headers))

    return served


class WSGIDriver:
    """Asks a WSGI application, without a server."""

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
        return cases.Response(answer.status_code, headers, _seen(answer.text, method))


class ASGIDriver:
    """Asks an ASGI application, without a server."""

    def __init__(self, name: str, app: Any) -> None:
        self.name = name
        self._app = app

    def get(self, path: str, principal: Any, *, method: str = "GET") -> cases.Response:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope[PRINCIPAL] = principal
            await self._app(scope, receive, send)

        async def ask() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://a") as client:
                return await client.request(method, path)

        answer = asyncio.run(ask())
        text = _seen(answer.text, method)
        return cases.Response(answer.status_code, dict(answer.headers), text)


def _seen(body: str, method: str) -> str:
    return "" if method == "HEAD" else body  # servers drop it
