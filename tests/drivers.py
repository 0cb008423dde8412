"""Drives applications without a server, with messages that no test client would send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from wsgiref.util import setup_testing_defaults

import trio

from countermark.asgi import App, Message, Receive, Scope, Send
from tests.secret_watch import WATCH

Headers = list[tuple[bytes, bytes]]
Environ = dict[str, Any]


def http_scope(**changes: Any) -> dict[str, Any]:
    """Return the scope of a GET request, with *changes*."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 50000),
        "state": {},
    } | changes


async def asend(app: App, scope: Scope) -> list[Message]:
    """Run *app* once and return the messages it sent, in the order in which they came out."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    WATCH.check("a response", repr(sent))
    return sent


def request(app: App, scope: Scope | None = None) -> list[Message]:
    """Run *app* once in an event loop of its own."""
    return trio.run(asend, app, http_scope() if scope is None else scope)


def answer(
    headers: Iterable[Sequence[bytes]] | None = (),
    status: int = 200,
    before: Callable[[Scope], object] = lambda scope: None,
) -> App:
    """Return an application that answers with these headers (None: without the key)."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        before(scope)
        start: dict[str, Any] = {"type": "http.response.start", "status": status}
        if headers is not None:
            start["headers"] = headers
        await send(start)
        await send({"type": "http.response.body", "body": b"ok"})

    return app


def header(message: Mapping[str, Any], name: bytes) -> bytes | None:
    """Return the value of the only header *name*, in any case, or None."""
    values = [value for key, value in message.get("headers", ()) if key.lower() == name.lower()]
    assert len(values) < 2, f"{name!r} came {len(values)} times"
    return values[0] if values else None


@dataclass
class WSGIAnswer:
    """What a WSGI application gave: each call of ``start_response`` and the body."""

    starts: list[tuple[Any, ...]] = field(default_factory=list)
    body: Iterable[bytes] = ()

    @property
    def headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = self.starts[-1][1]
        return headers

    def header(self, name: str) -> str | None:
        pairs = [(key.encode(), value.encode("latin-1")) for key, value in self.headers]
        value = header({"headers": pairs}, name.encode())
        return None if value is None else value.decode("latin-1")


def call(app: Any, **environ: Any) -> WSGIAnswer:
    """Run a WSGI application once, without reading its body."""
    setup_testing_defaults(environ)
    result = WSGIAnswer()

    def start_response(*arguments: Any) -> Callable[[bytes], object]:
        result.starts.append(arguments)
        return write

    result.body = app(environ, start_response)
    return result


def write(data: bytes) -> None:
    """Stand for what a server gives to applications that write."""


def wsgi_answer(
    headers: list[tuple[str, str]] | None = None,
    status: str = "200 OK",
    before: Callable[[Environ], object] = lambda environ: None,
) -> Any:
    """Return a WSGI application that answers with these headers."""

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        before(environ)
        start_response(status, [("Content-Type", "text/plain")] if headers is None else headers)
        return [b"ok"]

    return app
