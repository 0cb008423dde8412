"""Applications behind a VerifyingMiddleware, which the servers of the tests import by name."""

from __future__ import annotations

from typing import Any

from countermark import asgi, wsgi
from countermark.asgi import Message, Receive, Scope, Send
from countermark.verifying import AllowedOrigins
from tests.drivers import Environ
from tests.verifying.protocols import VERIFIER

ORIGINS = AllowedOrigins(["https://app.example"], missing="allow")


def said(identity: Any) -> bytes:
    return f"verified {identity.principal_id}".encode()


async def asgi_page(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = said(scope["state"]["countermark_verified_identity"])
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"x-said", body)]})
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


asgi_app = asgi.VerifyingMiddleware(asgi_page, verifier=VERIFIER, mode="enforce", origins=ORIGINS)


async def asgi_app_of_old_server(scope: Scope, receive: Receive, send: Send) -> None:
    """Hide that the server could refuse a websocket with a response."""

    async def checked(message: Message) -> None:
        assert not message["type"].startswith("websocket.http.")
        await send(message)

    await asgi_app({**scope, "extensions": {}}, receive, checked)


def wsgi_page(environ: Environ, start_response: Any) -> list[bytes]:
    body = said(environ[wsgi.VERIFIED_IDENTITY_KEY])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


wsgi_app = wsgi.VerifyingMiddleware(wsgi_page, verifier=VERIFIER, mode="enforce", origins=ORIGINS)
