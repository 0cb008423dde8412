"""A prefix that an application drops leads around no check, whichever side of it `paths=` is on.

``COUNTERMARK_FUZZ=10000 python -m pytest tests/frameworks/test_webhooks_prefixes.py`` asks
each application for so many generated paths.
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import bottle
import pytest
from fastapi import FastAPI
from litestar import Litestar
from litestar import post as litestar_post
from starlette.applications import Starlette
from starlette.routing import Mount
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from countermark import ConfigurationError
from countermark.asgi import WebhookMiddleware as ASGIWebhookMiddleware
from countermark.wsgi import WebhookMiddleware as WSGIWebhookMiddleware
from tests.drivers import call
from tests.frameworks.test_webhooks_paths import PIECES, STIGG, aanswer
from tests.frameworks.webhook_receivers import (
    ASGI,
    DJANGO_URLS,
    HANDLED,
    PATH,
    WSGI,
    ahandle,
    bottle_app,
    fastapi_app,
    flask_app,
    handle,
    starlette_app,
)

import asyncio  # isort: skip
from django.test import override_settings  # isort: skip  # Django is set up by now
from django.core.asgi import get_asgi_application  # isort: skip
from django.core.wsgi import get_wsgi_application  # isort: skip

PREFIX = "/app"
COUNT = int(os.environ.get("COUNTERMARK_FUZZ", "150"))


def fastapi_with_root_path() -> Any:
    app = FastAPI()
    app.root_path = PREFIX  # the argument of this name warns since it is deprecated
    app.post(PATH)(ahandle)
    return app


def fastapi_with_mounted_root_path() -> Any:
    app = FastAPI()
    app.mount(PREFIX, fastapi_with_root_path())
    return app


def litestar_with_path() -> Any:
    return Litestar([litestar_post(PATH)(ahandle)], path=PREFIX)


def mounted(inner: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: Starlette(routes=[Mount(PREFIX, app=inner())])


def flask_in_a_dispatcher() -> Any:
    return DispatcherMiddleware(flask_app(), {PREFIX: flask_app()})


def flask_with_application_root() -> Any:
    app = flask_app()
    app.config["APPLICATION_ROOT"] = PREFIX
    return app


def mounted_bottle() -> Any:
    app = bottle.Bottle()
    app.mount(f"{PREFIX}/", bottle_app())
    app.post(PATH)(handle)
    return app


def pyramid_with_route_prefix() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from pyramid.config import Configurator
        from pyramid.response import Response

    with Configurator(route_prefix=PREFIX) as config:
        config.add_route("hook", PATH)
        config.add_view(lambda request: Response(HANDLED), route_name="hook")
        return config.make_wsgi_app()


PREFIXED_ASGI: dict[str, Callable[[], Any]] = {
    **ASGI,
    "Django with FORCE_SCRIPT_NAME": get_asgi_application,
    "FastAPI with root_path": fastapi_with_root_path,
    "FastAPI with a mounted root_path": fastapi_with_mounted_root_path,
    "Starlette mounted": mounted(starlette_app),
    "FastAPI mounted": mounted(fastapi_app),
    "Litestar with a path": litestar_with_path,
}
PREFIXED_WSGI: dict[str, Callable[[], Any]] = {
    **WSGI,
    "Django with FORCE_SCRIPT_NAME": get_wsgi_application,
    "Flask in a dispatcher": flask_in_a_dispatcher,
    "Flask with APPLICATION_ROOT": flask_with_application_root,
    "Bottle mounted": mounted_bottle,
    "Pyramid with a route prefix": pyramid_with_route_prefix,
}
BEFORE = [
    "", "", "", PREFIX, PREFIX, PREFIX * 2, "app", "/APP", "//app", "/app/", "/app/.", "/x/app",
    "/x", "/hooks", "/app\n", "/\u017fapp", "x", "/app;v=1",
]  # fmt: skip
AFTER = ["", "", "", "/", "\n", "/x", ";x", "/.", "//"]
ROOTS = ["", "", "", PREFIX, "/app/", "app", "/hooks", "/x", "/app/hooks"]


def generated(name: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of a path and a root path, in the same order in each run."""
    chance = random.Random(name)
    for before in BEFORE:
        for root in ROOTS:
            yield before + PATH, root
    for _ in range(COUNT):
        path = PATH
        if chance.random() < 0.5:
            place = chance.randrange(len(path) + 1)
            path = path[:place] + chance.choice(PIECES) + path[place + chance.randrange(2) :]
        before = "".join(chance.choice(BEFORE) for _ in range(chance.randrange(1, 3)))
        yield before + path + chance.choice(AFTER), chance.choice(ROOTS)


def settings_of(name: str) -> Any:
    script = {"FORCE_SCRIPT_NAME": PREFIX} if "FORCE" in name else {}
    return override_settings(ROOT_URLCONF=DJANGO_URLS, MIDDLEWARE=[], **script)


Pairs = Iterable[tuple[str, str]]


def asgi_handled(app: Any, pairs: Pairs) -> list[tuple[str, str]]:
    """Return those of *pairs*, a path and a root path, whose request reaches the receiver."""

    async def ask() -> list[tuple[str, str]]:
        return [pair for pair in pairs if HANDLED in await aanswer(app, *pair)]

    return asyncio.run(ask())


def wsgi_handled(app: Any, pairs: Pairs) -> list[tuple[str, str]]:
    return [pair for pair in pairs if wsgi_handles(app, *pair)]


def wsgi_handles(app: Any, path: str, root: str) -> bool:
    native = path if max(path, default="") < "\u0100" else path.encode().decode("latin-1")
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": native, "HTTP_HOST": "localhost"}
    try:
        return HANDLED.encode() in b"".join(call(app, **environ, SCRIPT_NAME=root).body)
    except Exception:  # what a server gives no application, some cannot take
        return False


SIDES = [
    *(("asgi", name) for name in PREFIXED_ASGI),
    *(("wsgi", name) for name in PREFIXED_WSGI),
]


@pytest.mark.parametrize(("protocol", "name"), SIDES)
def test_no_prefix_leads_to_an_unverified_receiver(protocol: str, name: str) -> None:
    wrap: Any = ASGIWebhookMiddleware if protocol == "asgi" else WSGIWebhookMiddleware
    handled = asgi_handled if protocol == "asgi" else wsgi_handled
    with settings_of(name):
        app = (PREFIXED_ASGI if protocol == "asgi" else PREFIXED_WSGI)[name]()
        # The paths that an engineer may write down, since the view answers there.
        configured = handled(app, [(PATH, ""), (PREFIX + PATH, "")])
        reached = handled(app, generated(name))
        assert len(reached) > 1
        for path, _ in configured:
            assert handled(wrap(app, verifier=STIGG, paths=path), reached) == []
    assert configured


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
@pytest.mark.parametrize(
    ("prefix", "paths", "sent", "covered"),
    [
        (None, "/hooks/stigg", ("/stigg", ""), True),
        (None, "/hooks/stigg", ("/app/hooks/stigg/1", ""), True),
        (None, "/hooks/stigg", ("/hooks", ""), False),
        (None, "/hooks/stigg", ("/app/stigg", ""), False),
        ("", "/hooks/stigg", ("/stigg", ""), False),
        ("", "/hooks/stigg", ("/app/hooks/stigg", ""), False),
        ("", "/app/hooks", ("/hooks", "/app"), True),
        ("/app", "/hooks", ("/app/hooks/1", ""), True),
        ("/app", "/hooks", ("/hooks", ""), True),
        ("/app", "/hooks", ("/x/hooks", ""), False),
        ("/app/", "/APP/hooks", ("/hooks", ""), True),
        ("/app", "/apple/hooks", ("/le/hooks", ""), False),
    ],
)
def test_a_given_prefix_is_the_only_one(
    protocol: str, prefix: str | None, paths: str, sent: tuple[str, str], covered: bool
) -> None:
    wrap: Any = ASGIWebhookMiddleware if protocol == "asgi" else WSGIWebhookMiddleware
    if protocol == "asgi":

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": HANDLED.encode()})
    else:

        def app(environ: Any, start_response: Any) -> list[bytes]:  # type: ignore[misc]
            start_response("200 OK", [])
            return [HANDLED.encode()]

    handled = asgi_handled if protocol == "asgi" else wsgi_handled
    wrapped = wrap(app, verifier=STIGG, paths=paths, prefix=prefix)
    assert handled(wrapped, [sent]) == ([] if covered else [sent])


@pytest.mark.parametrize(
    "wrap", [ASGIWebhookMiddleware, WSGIWebhookMiddleware], ids=["asgi", "wsgi"]
)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paths": PATH, "prefix": "app"}, "prefix= must be a path that begins with a slash"),
        ({"paths": PATH, "prefix": 7}, "prefix= must be a path that begins with a slash"),
        ({"paths": PATH, "prefix": "/app//x"}, "paths= and prefix= take decoded paths"),
        ({"prefix": "/app"}, "prefix= belongs to paths="),
    ],
)
def test_an_invalid_prefix_is_refused_at_start(
    wrap: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        wrap(handle, verifier=STIGG, **options)
