"""An application in each framework that reads all of a request, and the keys that then hold it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

import bottle
import falcon
import falcon.asgi
from fastapi import FastAPI, Request
from flask import Flask
from flask import request as flask_request
from litestar import Litestar
from litestar import Request as LitestarRequest
from litestar import post as litestar_post
from quart import Quart
from quart import request as quart_request
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tests.frameworks.django_project import start

start()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

#: The text that a client writes everywhere.
MARK = "c1ient-wr0te"
PATH = f"/in/{MARK}"
HEADERS = {
    "Cookie": f"user={MARK}; session={MARK}",
    "X-User": MARK,
    "Remote-User": MARK,
    "Redirect-Remote-User": MARK,
    "Countermark-User-Id": MARK,
    "Session": MARK,
    "User": MARK,
    "State": MARK,
    "Ssl-Client-S-Dn": MARK,
    "Ssl-Client-Verify": "SUCCESS",
    "Authorization": f"Basic {MARK}",
    "Content-Type": "application/x-www-form-urlencoded",
}
BODY = f"user={MARK}"


def written_keys(source: Mapping[str, Any]) -> list[str]:
    """Return the keys of a scope or environ with a value that holds what the client wrote."""
    return sorted(key for key, value in source.items() if any(_texts(value, 0, set())))


def recording(app: Any, keys: list[str]) -> Any:
    """Return the WSGI *app* that answers with the keys after it has run."""

    def outer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        keys.extend(written_keys(environ))
        body = app(environ, start_response)
        list(body)
        keys.extend(written_keys(environ))
        return [json.dumps(keys).encode()]

    return outer


def arecording(app: Any, keys: list[str]) -> Any:
    """Return the ASGI *app* that notes the keys before and after it has run."""

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        keys.extend(written_keys(scope))
        await app(scope, receive, send)
        keys.extend(written_keys(scope))
        keys.extend(f"state:{key}" for key in written_keys(scope.get("state") or {}))

    return outer


def _texts(value: Any, depth: int, seen: set[int]) -> Iterator[bool]:
    if isinstance(value, bytes | str):
        yield MARK in (value.decode("latin-1") if isinstance(value, bytes) else value)
        return
    if depth > 4 or id(value) in seen or isinstance(value, type) or callable(value):
        return
    seen.add(id(value))
    if isinstance(value, BytesIO):
        parts: Any = [value.getvalue()]
    elif isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    else:
        parts = getattr(value, "__dict__", {}).values()
    for part in list(parts):
        yield from _texts(part, depth + 1, seen)


def _flask() -> Any:
    app = Flask(__name__)

    @app.post("/in/<name>")
    def view(name: str) -> str:
        return f"{name} {flask_request.args} {flask_request.form} {flask_request.cookies}"

    return app


def _bottle() -> Any:
    app = bottle.Bottle()

    @app.post("/in/<name>")  # type: ignore[untyped-decorator]
    def view(name: str) -> str:
        request = bottle.request
        return f"{name} {dict(request.query)} {dict(request.forms)} {dict(request.cookies)}"

    return app


class _Falcon:
    def on_post(self, request: Any, response: Any, name: str) -> None:
        response.text = f"{name} {request.params} {request.cookies} {request.headers}"


class _AsyncFalcon:
    async def on_post(self, request: Any, response: Any, name: str) -> None:
        response.text = f"{name} {request.params} {request.cookies} {request.headers}"


def _falcon(app: Any, resource: Any) -> Any:
    app.add_route("/in/{name}", resource)
    return app


def _pyramid() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports
        from pyramid.config import Configurator
        from pyramid.response import Response

    def view(request: Any) -> Any:
        return Response(f"{request.matchdict} {request.params} {request.cookies}")

    with Configurator() as config:
        config.add_route("in", "/in/{name}")
        config.add_view(view, route_name="in")
        return config.make_wsgi_app()


async def _starlette_view(request: StarletteRequest) -> PlainTextResponse:
    return PlainTextResponse(f"{request.query_params} {await request.body()!r} {request.cookies}")


def _starlette() -> Any:
    routes = [Route("/{name}", _starlette_view, methods=["POST"])]
    return Starlette(routes=[Mount("/in", routes=routes)])


def _fastapi() -> Any:
    app = FastAPI()

    @app.post("/in/{name}")
    async def view(name: str, request: Request, q: str = "") -> str:
        return f"{name} {q} {await request.body()!r} {request.cookies}"

    return app


def _litestar() -> Any:
    @litestar_post("/in/{name:str}")
    async def view(request: LitestarRequest[Any, Any, Any]) -> str:
        params = {**request.path_params, **request.query_params}
        return f"{params} {await request.body()!r} {request.cookies}"

    return Litestar([view])


def _quart() -> Any:
    app = Quart(__name__)

    @app.post("/in/<name>")
    async def view(name: str) -> str:
        return f"{name} {quart_request.args} {await quart_request.form} {quart_request.cookies}"

    return app


WSGI: dict[str, Callable[[], Any]] = {
    "Flask": _flask,
    "Bottle": _bottle,
    "Falcon": lambda: _falcon(falcon.App(), _Falcon()),
    "Pyramid": _pyramid,
    "Django": get_wsgi_application,
}
ASGI: dict[str, Callable[[], Any]] = {
    "Starlette": _starlette,
    "FastAPI": _fastapi,
    "Litestar": _litestar,
    "Quart": _quart,
    "Falcon": lambda: _falcon(falcon.asgi.App(), _AsyncFalcon()),
    "Django": get_asgi_application,
}
