"""Sends requests to the applications of the demo without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults


class Answer(NamedTuple):
    """A response. The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str


def ask_asgi(
    app: Any,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """Send a request to an application under ASGI."""
    return asyncio.run(ask(app, method, path, headers, body))


async def ask(
    app: Any,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    query: str = "",
) -> Answer:
    """Do the same in an event loop."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = {"host": "localhost", "origin": "http://localhost", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 50000),
    }
    await app(scope, receive, send)
    found = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    return Answer(sent[0]["status"], found, text)


def ask_wsgi(app: Any, path: str, user: str) -> Answer:
    environ: dict[str, Any] = {"PATH_INFO": path, "REMOTE_USER": user}
    setup_testing_defaults(environ)
    headers: dict[str, str] = {}
    statuses: list[int] = []

    def start_response(status: str, header_list: list[tuple[str, str]]) -> None:
        statuses.append(int(status[:3]))
        headers.update((name.lower(), value) for name, value in header_list)

    body = b"".join(app(environ, start_response))
    return Answer(statuses[0], headers, body.decode())
