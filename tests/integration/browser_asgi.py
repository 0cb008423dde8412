"""The pages of the browser tests under ASGI, with Starlette."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from countermark import Signer
from countermark.asgi import App, Message, Receive, Scope, Send, SignaturesEndpoint
from countermark.asgi import SigningMiddleware as Signing
from tests.integration.browser_pages import (
    KEYRING,
    KEYS,
    PAGES,
    SETTINGS,
    Page,
    html,
    matches,
    parts,
)


def user_of_cookie(scope: Scope) -> str | None:
    return HTTPConnection(scope).cookies.get("user") or None


def user_of_key(scope: Scope) -> str | None:
    return KEYS.get(HTTPConnection(scope).headers.get("authorization", ""))


def show(request: Request) -> Response:
    page: Page = PAGES[request.path_params["page"]]
    if matches(page, request.headers):
        return Response(status_code=304, headers=page.headers)
    identity = request.state.countermark
    shows = request.path_params["body"] == "shown"

    def text() -> str:
        signed = identity.get("stigg") if shows else None
        return html(signed.token if signed else None)

    if not page.streamed:
        return HTMLResponse(text(), page.status, page.headers)
    return StreamingResponse(
        _later(text) if page.late else parts(text()),
        page.status,
        page.headers,
        media_type="text/html",
    )


async def _later(text: Any) -> AsyncIterator[str]:
    for part in parts(text()):
        yield part


def sign_in(request: Request) -> Response:
    response = HTMLResponse("<!doctype html><title>signed in</title>")
    response.headers["Cache-Control"] = "no-store"
    user = request.path_params["user"]
    if user == "nobody":
        response.delete_cookie("user", httponly=True)
    else:
        response.set_cookie("user", user, httponly=True)
    return response


class Validating:
    """Adds an ETag of the body and answers 304, as the ETag filters of proxies do."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, keep)
        start, *rest = messages
        body = b"".join(message.get("body", b"") for message in rest)
        headers = list(start["headers"])
        if start["status"] == 200 and b"etag" not in dict(headers):
            etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:16].encode()
            headers.append((b"etag", etag))
            if dict(scope["headers"]).get(b"if-none-match") == etag:
                headers = [pair for pair in headers if pair[0] not in _OF_CONTENT]
                start, body = {**start, "status": 304}, b""
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})


# What a 304 leaves out. The browser keeps what it has stored.
_OF_CONTENT = {b"content-length", b"content-type", b"stigg-customer-token"}


def application(setting: str) -> App:
    routes = [
        Route("/{body}/{page}", show),
        Route("/signatures", SignaturesEndpoint()),
    ]
    inner: App = Starlette(routes=routes)
    if setting == "inner":
        inner = Validating(inner)
    header: dict[str, Any] = {"header": None} if setting == "state" else {}
    resolver = user_of_key if setting.startswith("bearer") else user_of_cookie
    options = SETTINGS[setting]
    app: App = Signing(
        inner, signers=Signer("stigg", KEYRING, **header), principal=resolver, **options
    )
    return Validating(app) if setting.startswith("outer") else app


def _routes() -> Iterator[Mount | Route]:
    yield Route("/sign-in/{user}", sign_in)
    for setting in SETTINGS:
        yield Mount(f"/{setting}", application(setting))


app = Starlette(routes=list(_routes()))
