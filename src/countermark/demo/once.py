"""The demo without a browser: every place a token is read from, against known answers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

from countermark.demo import SCHEMES, SIGNATURES_PATH, USERS, asgi_app, wsgi_app
from countermark.scheme import Scheme

_STATE = re.compile(r'<script id="state" type="application/json">(.*?)</script>', re.DOTALL)


class Answer(NamedTuple):
    """A response, its header names in lower case."""

    headers: Mapping[str, str]
    body: str


class Row(NamedTuple):
    """One token, where it was read."""

    vendor: str
    principal: str
    place: str
    value: str | None
    equal: bool


def rows() -> Iterator[Row]:
    """Sign in as the user of each vendor's example and read the token everywhere."""
    for scheme in map(Scheme.load, SCHEMES):
        vector = scheme.vectors[0]
        user = vector.id or ""
        for place, value in (*_asgi(scheme, user), *_wsgi(scheme, user)):
            yield Row(scheme.slug, user, place, value, value == vector.token)


def table(found: list[Row]) -> str:
    """Return *found* as text in columns."""
    lines = [("vendor", "principal", "read from", "value", "equal?")]
    lines += [
        (row.vendor, row.principal, row.place, row.value or "none", "yes" if row.equal else "NO")
        for row in found
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _asgi(scheme: Scheme, user: str) -> Iterator[tuple[str, str | None]]:
    app = asgi_app.create_app()
    signed_in = _get_asgi(app, "POST", f"/sign-in/{USERS.index(user)}")
    cookie = signed_in.headers["set-cookie"].partition(";")[0]
    page = _get_asgi(app, "GET", "/", cookie)
    state = _STATE.search(page.body)
    yield "ASGI request state", _token(scheme, json.loads(state[1]) if state else {})
    yield "ASGI response header", page.headers.get((scheme.header or "").lower())
    endpoint = _get_asgi(app, "GET", SIGNATURES_PATH, cookie)
    yield "ASGI endpoint", _token(scheme, json.loads(endpoint.body))


def _wsgi(scheme: Scheme, user: str) -> Iterator[tuple[str, str | None]]:
    app = wsgi_app.create_app()
    page = _get_wsgi(app, "/", user)
    yield "WSGI environ", _token(scheme, json.loads(page.body))
    yield "WSGI response header", page.headers.get((scheme.header or "").lower())
    endpoint = _get_wsgi(app, SIGNATURES_PATH, user)
    yield "WSGI endpoint", _token(scheme, json.loads(endpoint.body))


def _token(scheme: Scheme, payload: dict[str, dict[str, str]]) -> str | None:
    name = next(name for name, value in scheme.fields.items() if str(value) == "{token}")
    return payload.get(scheme.slug, {}).get(name)


def _get_asgi(app: Any, method: str, path: str, cookie: str = "") -> Answer:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 50000),
    }
    nothing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    asyncio.run(app(scope, nothing.get, send))
    headers = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answer(headers, b"".join(message.get("body", b"") for message in sent[1:]).decode())


def _get_wsgi(app: Any, path: str, user: str) -> Answer:
    environ: dict[str, Any] = {"PATH_INFO": path, "REMOTE_USER": user}
    setup_testing_defaults(environ)
    headers: dict[str, str] = {}

    def start_response(status: str, header_list: list[tuple[str, str]]) -> None:
        headers.update((name.lower(), value) for name, value in header_list)

    body = b"".join(app(environ, start_response))
    return Answer(headers, body.decode())
