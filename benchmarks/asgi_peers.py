"""Applications to wrap, and what people write by hand to sign a user's id under ASGI."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable
from typing import Any

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.subject import HEADER, SECRET, TOKEN, USER_ID
from countermark.asgi import App, Message, Receive, Scope, Send


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer two bytes."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def answer_with_session(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer two bytes and write a session."""
    scope["session"]["user_id"] = USER_ID
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def user_id(scope: Scope) -> str | None:
    """Tell whose request it is: the check that the peers make too."""
    user = scope.get("user")
    return user.id if user is not None and user.is_authenticated else None


class HandWritten:
    """The usual snippet, without a rule for caches, in-request logins or odd ids."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        user = scope.get("user")
        if user is None or not user.is_authenticated:
            await self.app(scope, receive, send)
            return
        mac = hmac.new(SECRET, user.id.encode(), hashlib.sha256).hexdigest()
        token = f"HMAC-SHA256 {user.id}:{mac}"
        scope.setdefault("state", {})["customer_token"] = token

        async def send_signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"stigg-customer-token", token.encode()))
            await send(message)

        await self.app(scope, receive, send_signed)


class ConstantHeaders:
    """The floor: the same three headers on every response, and nothing else."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._headers = [
            (b"vary", b"Cookie"),
            (b"cache-control", b"private"),
            (HEADER.lower().encode(), TOKEN.encode()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self._headers

        def send_more(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *headers]}
            return send(message)

        await self.app(scope, receive, send_more)


class StarletteTwin(BaseHTTPMiddleware):
    """The same, as Starlette's documentation shows middleware first."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Sign, and set the header."""
        user: Any = request.scope.get("user")
        if user is None or not user.is_authenticated:
            return await call_next(request)
        mac = hmac.new(SECRET, user.id.encode(), hashlib.sha256).hexdigest()
        token = f"HMAC-SHA256 {user.id}:{mac}"
        request.state.customer_token = token
        response = await call_next(request)
        response.headers[HEADER] = token
        return response
