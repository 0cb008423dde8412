"""The cases' application in Starlette."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, Literal

from jinja2 import DictLoader, Environment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.templating import Jinja2Templates
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from countermark.asgi import App, Receive, Scope, Send
from countermark.starlette import (
    SigningMiddleware,
    context_processor,
    identity_from,
    signatures_route,
)
from tests.drivers import asend, header, http_scope
from tests.frameworks import cases

# Starlette answers an unhandled error outside of all middlewares that are added. With the
# middleware around the whole application, nothing is different.
DIFFERENT: dict[str, dict[str, Any]] = {
    "unhandled error": {"header": None, "closed": False, "varies": False},
}
PLACE = "tests.principal"
TEMPLATES = Jinja2Templates(
    env=Environment(loader=DictLoader({"page.html": "<p>{{ countermark() }}"}), autoescape=True),
    context_processors=[context_processor],
)


def principal_of(scope: Scope) -> Any:
    """Return or raise what the driver has put into the scope."""
    principal = scope[PLACE]
    if isinstance(principal, Exception):
        raise principal
    return principal


def shown(request: Request) -> Response:
    """Return the page of the cases."""
    signed = identity_from(request).get("stigg")
    state = {"x-state": signed.token if signed else "-"}
    return TEMPLATES.TemplateResponse(request, "page.html", headers=state)


async def parts(request: Request) -> AsyncIterator[str]:
    """Yield the token in pieces."""
    signed = identity_from(request).get("stigg")
    for character in signed.token if signed else "-":
        yield character


async def page(request: Request) -> Response:
    return shown(request)


async def log_in(request: Request) -> Response:
    identity_from(request).identify("user-2")
    return shown(request)


async def log_out(request: Request) -> Response:
    identity_from(request).forget()
    return shown(request)


async def stream(request: Request) -> Response:
    return StreamingResponse(parts(request))


async def redirect(request: Request) -> Response:
    return RedirectResponse("/page", 302)


async def not_modified(request: Request) -> Response:
    return Response(status_code=304, headers={"etag": '"1"'})


async def error(request: Request) -> Response:
    raise ZeroDivisionError


async def file(request: Request) -> Response:
    return PlainTextResponse("a{}", headers={"etag": '"1"'})


async def public(request: Request) -> Response:
    return PlainTextResponse("all", headers={"cache-control": "public, max-age=60"})


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


ROUTES = [
    Route("/page", page),
    Route("/login", log_in),
    Route("/logout", log_out),
    Route("/stream", stream),
    Route("/redirect", redirect),
    Route("/not-modified", not_modified),
    Route("/error", error),
    Route("/file", file),
    Route("/public", public),
    signatures_route(),
    WebSocketRoute("/ws", socket),
]


class ASGIDriver:
    """Asks an application whose resolver or dependency looks at ``PLACE`` in the scope."""

    def __init__(self, name: str, app: App, backend: Literal["asyncio", "trio"]) -> None:
        self.name = name
        self._app = app
        self._principal: Any = None
        self._client = TestClient(
            self._with_principal,
            backend=backend,
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    async def _with_principal(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[PLACE] = self._principal
        await self._app(scope, receive, send)

    def get(self, path: str, principal: Any, *, method: str = "GET") -> cases.Response:
        self._principal = principal
        found = self._client.request(method, path)
        return cases.Response(found.status_code, dict(found.headers), found.text)

    def accept(self, path: str, principal: Any) -> dict[str, str]:
        self._principal = principal
        with self._client.websocket_connect(path) as websocket:
            headers: Any = websocket.extra_headers
        return {name.decode(): value.decode() for name, value in headers}


def make_driver(
    backend: Literal["asyncio", "trio"] = "asyncio", *, around: bool = False
) -> ASGIDriver:
    """Return a driver whose middleware is added, or wrapped *around* the application."""
    app = Starlette(routes=ROUTES)
    if around:
        signing = SigningMiddleware(
            app, signers=cases.signers(), principal=principal_of, websocket_headers=True
        )
        return ASGIDriver("starlette", signing, backend)
    app.add_middleware(
        SigningMiddleware,
        signers=cases.signers(),
        principal=principal_of,
        websocket_headers=True,
    )
    return ASGIDriver("starlette", app, backend)


USERS = [f"user-{number}" for number in range(50)]
REQUESTS = 5000


async def soak(app: App) -> None:
    """Ask *app* as 50 users at once, and find that none sees the token of another.

    It has a page at ``/`` like that of the cases, whose body is the token.
    """
    chance = random.Random(20261122)
    stigg, _ = cases.signers()

    async def ask(user: str) -> None:
        start, *body = await asend(app, http_scope(**{PLACE: user}))
        mine = stigg.sign(user).encode()
        assert header(start, b"x-state") == mine
        assert header(start, b"stigg-customer-token") == mine
        assert b"".join(message["body"] for message in body) == mine

    for _ in range(REQUESTS // 250):
        users = USERS * 5
        chance.shuffle(users)
        await asyncio.gather(*map(ask, users))
