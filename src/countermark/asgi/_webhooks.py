"""The webhook middleware for ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from countermark._responses import Response, without_body
from countermark._threads import in_thread
from countermark.asgi._lifespan import run_lifespan
from countermark.asgi._sending import send_response
from countermark.asgi._types import App, Message, Receive, Scope, Send
from countermark.webhooks._deduplication import Claim, DeliveriesInRedis
from countermark.webhooks._gate import STATE_KEY, WebhookGate, quoted
from countermark.webhooks._results import VerifiedWebhook

# The types of messages with a part of the body; the second one holds it whole.
_BODIES = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")


class WebhookMiddleware(WebhookGate[App]):
    """Passes on only requests that the vendor sent, unmodified, recently, and not handled before.

    ``scope["state"]["countermark_verified_webhook"]``, in Starlette
    ``request.state.countermark_verified_webhook``, is the :class:`VerifiedWebhook`. The body
    is read whole before the application receives it, unchanged. Other requests get a 401,
    those with too large a body a 413. WebSockets are closed. Requests that verify the URL
    are answered, if the scheme describes them.

    Once the application has answered a delivery with 2xx, the middleware answers further
    attempts with 200. While one attempt is in flight, others get a 503, so that the vendor
    retries in case it fails.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await run_lifespan(self.app, scope, receive, send)
        elif kind not in {"http", "websocket"} or not self._covers(_readings(scope)):
            await self.app(scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = await self._verify(scope, receive)
        if delivery is None:  # the vendor has disconnected
            return
        if isinstance(delivery, Response):
            await _respond(scope, send, delivery)
            return
        body, verified = delivery
        claim = await self._call(self._claim, verified)
        if isinstance(claim, Response):
            await _respond(scope, send, claim)
            return
        # A copy of the state: some test clients share one between all requests.
        scope["state"] = {**(scope.get("state") or {}), STATE_KEY: verified}
        if claim is None:
            await self.app(scope, _replaying(body, receive), send)
        else:
            await self._handle(scope, _replaying(body, receive), send, claim)

    async def _verify(
        self, scope: Scope, receive: Receive
    ) -> tuple[bytes, VerifiedWebhook] | Response | None:
        """Return the verified body; or a response; or None if the vendor has disconnected."""
        pending = self._check_head(scope["headers"], scope["method"], _target(scope))
        if self._secret_header is not None:
            _remove_header(scope, self._secret_header)
        if self._secret_query and isinstance(pending, Response):
            # For the same reason: servers log the query when they have the response.
            scope["query_string"] = b""
        if isinstance(pending, Response):
            return pending
        body = await self._read(scope, receive)
        if body is None or isinstance(body, Response):
            return body
        verified = self._check_body(pending, body)
        return verified if isinstance(verified, Response) else (body, verified)

    async def _handle(self, scope: Scope, receive: Receive, send: Send, claim: Claim) -> None:
        success = False

        async def recording(message: Message) -> None:
            nonlocal success
            if message["type"] == "http.response.start":
                success = 200 <= message["status"] < 300
            elif success and message["type"].startswith(_BODIES) and not message.get("more_body"):
                # Before the vendor has the response, and before background tasks finish.
                await self._settle(claim, True)
            await send(message)

        try:
            await self.app(scope, receive, recording)
        finally:
            # A response that was broken off is a failure, even if its status was 2xx.
            await self._settle(claim, False)

    async def _settle(self, claim: Claim, handled: bool) -> None:
        if claim.settled:
            return
        try:
            await self._call(claim.settle, handled)
        finally:
            if not claim.settled:  # a scope of anyio that is cancelled cancels each await
                _run_in_background(claim.settle, False)

    async def _call(self, function: Callable[..., Any], *arguments: object) -> Any:
        if not isinstance(self._deliveries, DeliveriesInRedis):
            return function(*arguments)
        return await in_thread(function, *arguments)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | Response | None:
        """Return the body; or the response if it is too large; or None after a disconnect."""
        for name, value in scope["headers"]:
            if name.lower() == b"content-length" and value.isdigit() and self._exceeds(value):
                return self._too_large()
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_body:
                return self._too_large()
            more = message.get("more_body", False)
        return bytes(body)


async def _respond(scope: Scope, send: Send, response: Response) -> None:
    await send_response(without_body(response) if scope["method"] == "HEAD" else response, send)


def _remove_header(scope: Scope, name: str) -> None:
    """Remove a secret that is already checked, so that no error report contains it.

    In place: servers, outer middlewares and error trackers hold the same scope and the
    same list.
    """
    given = scope["headers"]
    kept = [pair for pair in given if _canonical(pair[0]) != name]
    if isinstance(given, list):
        given[:] = kept
    else:
        scope["headers"] = kept


def _canonical(name: bytes) -> str:
    return name.decode("latin-1").lower().replace("_", "-")


def _readings(scope: Scope) -> Iterator[str]:
    """Yield the paths that an application may route: with the root, unchanged, and without it."""
    path: str = scope["path"]
    yield path
    root: str = scope.get("root_path", "")
    if root:
        yield f"/{root}{path}"
        # Litestar drops the root anywhere in the path, Falcon never.
        if root in path:
            yield "/" + path.partition(root)[2]
    for name, value in scope["headers"]:
        if name == b"x-vhm-root":  # Pyramid, behind an adapter, puts it before the path
            yield value.decode("latin-1") + path


def _target(scope: Scope) -> bytes:
    """Return the path and query of the request line."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        raw = quoted(scope["path"]).encode()
    query: bytes = scope.get("query_string", b"")
    return raw + b"?" + query if query else raw


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body first, then all further messages."""
    left = [body]

    async def replayed() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replayed


def _run_in_background(function: Callable[..., Any], *arguments: object) -> None:
    from threading import Thread  # late, as it is slow to import

    Thread(target=function, args=arguments).start()
