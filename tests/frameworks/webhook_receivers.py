"""The same receiver of webhooks in each framework: it answers at one path, and knows of nothing."""

from __future__ import annotations

import warnings
from typing import Any

import bottle
import falcon
import falcon.asgi
from fastapi import FastAPI
from flask import Flask
from litestar import Litestar, asgi
from litestar import post as litestar_post
from quart import Quart
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tests.frameworks.django_project import start

start()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path as django_path  # noqa: E402

PATH = "/hooks/stigg"
HANDLED = "handled"


def handle(*_: object) -> str:
    return HANDLED


async def ahandle() -> str:
    return HANDLED


class FalconReceiver:
    """Falcon's receiver, of either protocol."""

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        response.text = HANDLED


class AsyncFalconReceiver:
    """Falcon's receiver, awaited."""

    async def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        response.text = HANDLED


def flask_app() -> Any:
    app = Flask(__name__)
    app.post(PATH)(handle)
    return app


def bottle_app() -> Any:
    app = bottle.Bottle()
    app.post(PATH)(handle)
    return app


def falcon_app() -> Any:
    app = falcon.App()
    app.add_route(PATH, FalconReceiver())
    return app


def falcon_sink() -> Any:
    app = falcon.App()
    app.add_sink(FalconReceiver().on_post, PATH)  # type: ignore[arg-type]
    return app


def pyramid_app() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports
        from pyramid.config import Configurator
        from pyramid.response import Response
    with Configurator() as config:
        config.add_route("hook", PATH)
        config.add_view(lambda request: Response(HANDLED), route_name="hook")
        return config.make_wsgi_app()


class Node(dict[str, "Node"]):
    """A place in a tree that Pyramid traverses."""


def pyramid_traversal() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports
        from pyramid.config import Configurator
        from pyramid.response import Response
    root = Node(hooks=Node())
    with Configurator(root_factory=lambda request: root) as config:
        config.add_view(lambda request: Response(HANDLED), name="stigg", context=Node)
        return config.make_wsgi_app()


#: The Django applications need these as their URLs.
DJANGO_URLS = (django_path(PATH[1:], lambda request: HttpResponse(HANDLED)),)


async def starlette_endpoint(request: Request) -> PlainTextResponse:
    return PlainTextResponse(HANDLED)


def starlette_app() -> Any:
    return Starlette(routes=[Route(PATH, starlette_endpoint, methods=["POST"])])


def starlette_mounts() -> Any:
    inner = Route("/stigg", starlette_endpoint, methods=["POST"])
    return Starlette(routes=[Mount("/hooks", routes=[inner])])


def fastapi_app() -> Any:
    app = FastAPI()
    app.post(PATH)(ahandle)
    return app


def quart_app() -> Any:
    app = Quart(__name__)
    app.post(PATH)(ahandle)
    return app


def litestar_app() -> Any:
    return Litestar([litestar_post(PATH)(ahandle)])


def litestar_mount() -> Any:
    @asgi(PATH, is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(HANDLED)(scope, receive, send)

    return Litestar([mounted])


def async_falcon_sink() -> Any:
    app = falcon.asgi.App()
    app.add_sink(AsyncFalconReceiver().on_post, PATH)  # type: ignore[arg-type]
    return app


def async_falcon_app() -> Any:
    app = falcon.asgi.App()
    app.add_route(PATH, AsyncFalconReceiver())
    return app


WSGI = {
    "Flask": flask_app, "Bottle": bottle_app, "Falcon": falcon_app, "Pyramid": pyramid_app,
    "Django": get_wsgi_application, "sinks of Falcon": falcon_sink,
    "traversal of Pyramid": pyramid_traversal,
}  # fmt: skip
ASGI = {
    "Starlette": starlette_app, "mounts of Starlette": starlette_mounts, "FastAPI": fastapi_app,
    "Quart": quart_app, "Litestar": litestar_app, "Falcon": async_falcon_app,
    "Django": get_asgi_application, "sinks of Falcon": async_falcon_sink,
    "mounts of Litestar": litestar_mount,
}  # fmt: skip
