"""Webhooks under ASGI: verified before the application sees them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from countermark._redaction import guarded
from countermark._responses import Response, without_body
from countermark.asgi._sending import send_response
from countermark.asgi._types import App, Message, Receive, Scope, Send
from countermark.events import OnEvent
from countermark.webhooks._gate import (
    STATE_KEY,
    Duplicates,
    Handling,
    Receiving,
    WhenUnavailable,
    quoted,
)
from countermark.webhooks._results import VerifiedWebhook
from countermark.webhooks._verifier import WebhookVerifier

if TYPE_CHECKING:
    from countermark.redis import RedisStore

# What the parts of a body come as; the middle one is the whole.
_BODIES = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")


class WebhookMiddleware:
    """Lets a vendor's webhooks through to an application, and nothing else.

    A :class:`VerifiedWebhook` is put into ``scope["state"]["verified_webhook"]``,
    which Starlette shows as ``request.state.verified_webhook``. The body is read
    whole, and handed on as it came. What is no good is answered with 401, what is
    too large with 413. WebSockets are closed.

    A delivery that has an id reaches the application until that has answered with
    2xx; from then on the sender alone gets its 200. While one is handled, further
    attempts are answered with 503, so that they come again in case it fails.

    Args:
        app: The application, or the next middleware.
        verifier: The vendor and the keys.
        paths: Where the webhooks come in: a path, or several, each with all below
            it. None: wherever this middleware is called, for instance because it is
            mounted. Other paths are passed on as they are.
        prefix: The prefix that the application drops from paths, besides what the
            server reports, such as Django's ``FORCE_SCRIPT_NAME``; empty for none.
            None: any, so ``/hooks/stigg`` covers ``/app/hooks/stigg`` and ``/stigg``
            too.
        max_body: The largest body that is read, in bytes.
        duplicates: ``answer``: see above. ``deliver``: all attempts reach the
            application, which has to tell them apart itself.
        store: What workers and hosts share; without it each process tells
            duplicates for itself, by the latest 10 000 deliveries. Needs asyncio.
        when_unavailable: What becomes of deliveries while the store cannot be
            reached: ``fail_open`` hands them on, maybe twice; ``fail_closed``
            answers with 503, and a sender who gives up before has lost them.
        on_event: Called with every :class:`Event`.
        clock: Returns the time, in seconds since the epoch.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    @guarded
    def __init__(
        self,
        app: App,
        *,
        verifier: WebhookVerifier,
        paths: str | Iterable[str] | None = None,
        prefix: str | None = None,
        max_body: int = 1 << 20,
        duplicates: Duplicates = "answer",
        store: RedisStore | None = None,
        when_unavailable: WhenUnavailable = "fail_open",
        on_event: OnEvent | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.app = app
        self._receiving = Receiving(
            verifier,
            paths=paths,
            prefix=prefix,
            max_body=max_body,
            duplicates=duplicates,
            store=store,
            when_unavailable=when_unavailable,
            on_event=on_event,
            clock=clock,
        )
        self._call = _in_thread if self._receiving.waits else _at_once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in {"http", "websocket"} or not self._receiving.covers(_readings(scope)):
            await self.app(scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = await self._delivery(scope, receive)
        if delivery is None:  # the sender has gone
            return
        if isinstance(delivery, Response):
            await _answer(scope, send, delivery)
            return
        body, verified = delivery
        handling = await self._call(self._receiving.begin, verified)
        if isinstance(handling, Response):
            await _answer(scope, send, handling)
            return
        # A state of its own: some test drivers give all requests the same.
        scope["state"] = {**(scope.get("state") or {}), STATE_KEY: verified}
        if handling is None:
            await self.app(scope, _replaying(body, receive), send)
        else:
            await self._handle(scope, _replaying(body, receive), send, handling)

    async def _delivery(
        self, scope: Scope, receive: Receive
    ) -> tuple[bytes, VerifiedWebhook] | Response | None:
        """Return the body and what proves it; None: the sender has gone; or the answer."""
        rest = self._receiving.look(scope["headers"], scope["method"], _target(scope))
        if self._receiving.secret_header is not None:
            _remove_header(scope, self._receiving.secret_header)
        if isinstance(rest, Response):
            return rest
        body = await self._read(scope, receive)
        if body is None or isinstance(body, Response):
            return body
        verified = rest(body)
        return verified if isinstance(verified, Response) else (body, verified)

    async def _handle(self, scope: Scope, receive: Receive, send: Send, handling: Handling) -> None:
        well = False

        async def recording(message: Message) -> None:
            nonlocal well
            if message["type"] == "http.response.start":
                well = 200 <= message["status"] < 300
            elif well and message["type"].startswith(_BODIES) and not message.get("more_body"):
                # Before the sender has the answer, and what runs in the background ends.
                await self._end(handling, well)
            await send(message)

        try:
            await self.app(scope, receive, recording)
        finally:
            # An answer that was broken off is none, however well it began.
            await self._end(handling, False)

    async def _end(self, handling: Handling, well: bool) -> None:
        if handling.ended:
            return
        try:
            await self._call(handling.end, well)
        finally:
            if not handling.ended:  # cancelled, as scopes of anyio do again at each await
                _unawaited(handling.end, False)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | Response | None:
        """Return the body; None: the sender has gone; or the answer to one that is too large."""
        most = self._receiving.max_body
        if any(_announces_more(name, value, most) for name, value in scope["headers"]):
            return self._receiving.too_large()
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > most:
                return self._receiving.too_large()
            more = message.get("more_body", False)
        return bytes(body)


async def _answer(scope: Scope, send: Send, response: Response) -> None:
    await send_response(without_body(response) if scope["method"] == "HEAD" else response, send)


def _remove_header(scope: Scope, name: str) -> None:
    """Take a checked secret out of the request, so that no error report sends it on.

    In place: servers, outer middlewares and error trackers hold the same scope and the
    same list.
    """
    given = scope["headers"]
    kept = [pair for pair in given if _spelled_alike(pair[0]) != name]
    if isinstance(given, list):
        given[:] = kept
    else:
        scope["headers"] = kept


def _spelled_alike(name: bytes) -> str:
    return name.decode("latin-1").lower().replace("_", "-")


def _announces_more(name: bytes, value: bytes, most: int) -> bool:
    if name.lower() != b"content-length" or not value.isdigit():
        return False
    # A number of many digits takes long to be read.
    return len(value) > 18 or int(value) > most


def _readings(scope: Scope) -> Iterator[str]:
    """Yield the paths that an application may read: with the root, as it is, and without."""
    path: str = scope["path"]
    yield path
    root: str = scope.get("root_path", "")
    if root:
        yield f"/{root}{path}"
        # Litestar looks for the root anywhere, Falcon nowhere.
        if root in path:
            yield "/" + path.partition(root)[2]
    for name, value in scope["headers"]:
        if name == b"x-vhm-root":  # Pyramid, behind an adapter, puts it before the path
            yield value.decode("latin-1") + path


def _target(scope: Scope) -> bytes:
    """Return the path and query as they were sent."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        raw = quoted(scope["path"]).encode()
    query: bytes = scope.get("query_string", b"")
    return raw + b"?" + query if query else raw


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return what the application receives with: the body, then what there is to come."""
    left = [body]

    async def replayed() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replayed


def _unawaited(function: Callable[..., Any], *arguments: object) -> None:
    from threading import Thread  # late, as it is slow to import

    Thread(target=function, args=arguments).start()


async def _at_once(function: Callable[..., Any], *arguments: object) -> Any:
    return function(*arguments)


def _in_thread(function: Callable[..., Any], *arguments: object) -> Awaitable[Any]:
    from asgiref.sync import sync_to_async  # late, as it brings in asyncio

    # Not thread-sensitive: deliveries would wait for one another.
    return sync_to_async(function, thread_sensitive=False)(*arguments)
