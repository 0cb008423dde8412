"""The common parts of the stand-ins: an ASGI application with JSON and CORS."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from urllib.parse import unquote

from countermark._responses import Header, Response, problem
from countermark.asgi._types import Receive, Scope, Send

Answer: TypeAlias = Callable[[Scope, Receive], Awaitable[Response]]

_MAX_BODY = 1_000_000


class Unusable(Exception):  # the package handles it
    """The body of a request is not the expected JSON."""


async def serve(
    answer: Answer,
    origin: Callable[[Scope], str | None],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer one request.

    Args:
        answer: Returns the response to requests other than CORS preflights.
        origin: Returns the origin that may read the response, ``*`` for any, or None.
        scope: The scope of the request.
        receive: The ASGI callable of the request.
        send: The ASGI callable of the request.
    """
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    if scope["type"] != "http":
        return
    if scope["method"] == "OPTIONS":
        response = Response(204, [], b"")
    else:
        response = await answer(scope, receive)
    headers = response.headers + _permission(origin(scope))
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": response.status, "headers": encoded})
    await send({"type": "http.response.body", "body": response.body})


def _permission(origin: str | None) -> list[Header]:
    vary = ("Vary", "Origin")
    if origin is None:
        return [vary]
    return [
        vary,
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Methods", "GET, POST"),
        ("Access-Control-Allow-Headers", "*"),
    ]


def segments_of(scope: Scope) -> list[str]:
    """Return the decoded segments of the path below the mount of the stand-in.

    A segment can contain an encoded slash, if the server passes ``raw_path``.
    """
    path, mounts = scope["path"], scope.get("root_path", "").split("/")
    # Some test clients include the query in raw_path.
    raw = (scope.get("raw_path") or b"").partition(b"?")[0].decode("latin-1")
    parts = [unquote(part) for part in raw.split("/")]
    # Middlewares that rewrite the path do not change raw_path, so it may be out of date.
    if "/".join(parts) not in (path, "/".join(mounts) + path):
        parts = path.split("/")
    return parts[len(mounts) :] if parts[: len(mounts)] == mounts else parts[1:]


async def read_json(receive: Receive) -> Any:
    """Return the JSON of a request's body.

    Raises:
        Unusable: The body is not JSON, or is too long.
    """
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _MAX_BODY:
            raise Unusable
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Unusable from None


def not_found() -> Response:
    return problem(404, "not_found", "The stand-in has no such path.")
