"""The leak guard for ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator
from typing import Any, Unpack

from countermark._redaction import guarded
from countermark.asgi._sending import send_response
from countermark.asgi._types import App, Message, Receive, Scope, Send
from countermark.leaks._guard import (
    Guard,
    LeakMode,
    LeakOptions,
    ResponseSearch,
    blocked_response,
    cut_off,
)

# With these extensions the server sends a file that the application names, and nothing can search
# it. Without them, frameworks send its content.
_FILES = ("http.response.pathsend", "http.response.zerocopysend")
_HEADS = ("http.response.start", "http.response.trailers")


class LeakGuardMiddleware:
    """Searches responses for secrets, and reports or blocks those that contain one.

    It searches the headers, the trailers and the body, which it decodes if it is compressed.
    Place it outside of all other middleware. Websockets pass unchanged.

    In the mode ``block``, a response that has not begun is replaced by a 500. Otherwise it is
    cut off before the secret is complete: the application's next ``send`` raises an
    ``OSError``, as for a client that disconnected, and when the application has ended, the
    middleware raises :class:`countermark.errors.LeakBlocked`, so that the server closes the
    connection.

    Args:
        app: The application, or the next middleware.
        mode: ``report`` emits events, ``block`` also keeps the response back, and ``off``
            returns *app* itself in place of a middleware, so that it costs nothing. The
            other options are then not read.
        options: ``secrets``, keyrings by name, or keyrings (default: those of all variables of
            the catalogues that are set in the environment); ``sample``, the share of responses
            that are searched (default: 1); and ``on_event``, called with each :class:`Event`.

    Raises:
        ConfigurationError: An option is missing or invalid.
    """

    def __new__(cls, app: App, *, mode: LeakMode, **options: Unpack[LeakOptions]) -> Any:
        """Return a middleware, or *app* itself if the mode is ``off``."""
        return app if mode == "off" else super().__new__(cls)

    @guarded
    def __init__(self, app: App, *, mode: LeakMode, **options: Unpack[LeakOptions]) -> None:
        if mode != "off":  # otherwise *app* is a guard itself, and this is it
            self.app = app
            self._guard = Guard(mode, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._guard.samples():
            await self.app(scope, receive, send)
            return
        _offer_no_files(scope)
        search = ResponseSearch(self._guard)
        if not self._guard.blocks:
            await self.app(scope, receive, _reporting(search, send))
            return
        gate = _Gate(search, scope.get("method"), receive, send)
        try:
            await self.app(scope, gate.receive, gate.send)
        except Exception:
            # After the leak its frames may hold the secret, and the client is gone.
            if not gate.blocked:
                raise
        if gate.cuts:
            raise cut_off()


def _offer_no_files(scope: Scope) -> None:
    extensions = scope.get("extensions")
    if extensions and any(name in extensions for name in _FILES):
        scope["extensions"] = {name: extensions[name] for name in extensions if name not in _FILES}


def _reporting(search: ResponseSearch, send: Send) -> Send:
    # Not a coroutine function, which would cost a frame for every message.
    def reporting(message: Message) -> Awaitable[None]:
        if message["type"] in _HEADS:
            message = _with_list(message)
        _is_leak(search, message)
        return send(message)

    return reporting


def _with_list(message: Message) -> Message:
    """Return *message* with headers that can be read twice."""
    headers = message.get("headers", ())
    return {**message, "headers": list(headers)} if isinstance(headers, Iterator) else message


def _is_leak(search: ResponseSearch, message: Message) -> bool:
    kind = message["type"]
    if kind == "http.response.body":
        return search.body(message.get("body", b""))
    if kind in _HEADS:
        return search.head(message.get("headers", ()))
    if kind in _FILES:
        search.end("sent_by_server")
    return False


def _has_length(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-length" for name, _ in headers)


class _Gate:
    """Passes on the messages of one response up to the first secret.

    A response with a length is whole already, so its start waits for the first bytes of the
    body: if these contain a secret, the client gets a clean 500. A start without a length is
    sent at once, as the body may come much later. A chunk of the body waits for the next one
    only if it ends in the beginning of a secret.
    """

    def __init__(
        self, search: ResponseSearch, method: object, receive: Receive, send: Send
    ) -> None:
        self.blocked = False
        self.cuts = False
        self._search = search
        self._method = method
        self._receive = receive
        self._send = send
        self._held: list[Message] = []
        self._started = False

    async def receive(self) -> Message:
        if self.blocked:
            return {"type": "http.disconnect"}
        return await self._receive()

    async def send(self, message: Message) -> None:
        if self.blocked:
            raise cut_off()
        if message["type"] in _HEADS:
            message = _with_list(message)
        if _is_leak(self._search, message):
            await self._block()
            return
        self._held.append(message)
        if not self._waits(message):
            await self._release()

    def _waits(self, message: Message) -> bool:
        if message["type"] == "http.response.start":
            return _has_length(message.get("headers", ()))
        return bool(message.get("more_body")) and self._search.is_pending

    async def _release(self) -> None:
        held, self._held = self._held, []
        for message in held:
            if message["type"] == "http.response.start":
                self._started = True
            await self._send(message)

    async def _block(self) -> None:
        self.blocked = True
        if self._started:
            self.cuts = True
        else:
            await send_response(blocked_response(self._method), self._send)
