"""Applications with a bug, under the real Sentry SDK: prints the events that it would send.

``python -m tests.project.sentry_apps NAME`` prints JSON: lists of events for ``webhook`` and
``token``, each as it is and ``scrubbed`` by the function of the page. It is a process of its
own, since the SDK patches the frameworks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from pathlib import Path
from typing import Any, ClassVar

import sentry_sdk
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport

from countermark import Keyring, Signer, Verifier, asgi, wsgi
from countermark.webhooks import WebhookVerifier
from tests.drivers import call, http_scope

SECRET = "canary-secret-3f9c2b7d51e8406aa9b4c1d0"
TOKEN = Signer("stigg", Keyring(SECRET)).sign("user-1")
HEADERS = {
    "webhook": ("Stigg-Webhooks-Secret", SECRET),
    "token": ("X-CUSTOMER-KEY", TOKEN),
}


def bug(*_: object) -> Any:
    raise ZeroDivisionError


async def abug(*_: object) -> Any:
    raise ZeroDivisionError


def wrapped(kind: str, side: Any, app: Any) -> Any:
    """Return the middleware of *kind* around *app*."""
    if kind == "webhook":
        return side.WebhookMiddleware(app, verifier=WebhookVerifier("stigg", Keyring(SECRET)))
    return side.VerifyingMiddleware(
        app, verifier=Verifier("stigg", Keyring(SECRET)), mode="enforce"
    )


def asgi_app(kind: str) -> Any:
    return SentryAsgiMiddleware(wrapped(kind, asgi, abug))


def wsgi_app(kind: str) -> Any:
    return SentryWsgiMiddleware(wrapped(kind, wsgi, bug))


def starlette_app(kind: str) -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.routing import Route

    async def view(request: Request) -> None:
        raise ZeroDivisionError

    app = Starlette(routes=[Route("/", view, methods=["POST"])])
    app.add_middleware(lambda inner: wrapped(kind, asgi, inner))
    return app


def fastapi_app(kind: str) -> Any:
    from fastapi import FastAPI

    async def view() -> None:
        raise ZeroDivisionError

    app = FastAPI()
    app.post("/")(view)
    return wrapped(kind, asgi, app)


def flask_app(kind: str) -> Any:
    from flask import Flask

    app = Flask(__name__)
    app.post("/")(bug)
    app.wsgi_app = wrapped(kind, wsgi, app.wsgi_app)  # type: ignore[method-assign]
    return app


def django_app(kind: str, *, asynchronous: bool = False) -> Any:
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    from django.urls import path

    if not settings.configured:
        urls = (path("", bug),)
        settings.configure(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"], SECRET_KEY="of the tests")
        django.setup()
    if asynchronous:
        return wrapped(kind, asgi, get_asgi_application())
    return wrapped(kind, wsgi, get_wsgi_application())


WSGI = {"wsgi": wsgi_app, "flask": flask_app, "django": django_app}
ASGI = {
    "asgi": asgi_app,
    "starlette": starlette_app,
    "fastapi": fastapi_app,
    "django-asgi": lambda kind: django_app(kind, asynchronous=True),
}


def before_send_of_the_page() -> Any:
    """Return the function that the page on scrubbing shows."""
    page = (Path(__file__).parents[2] / "docs/scrubbing.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?before_send.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.partition("sentry_sdk.init(")[0], names)
    return names["before_send"]


async def post(app: Any, scope: Any) -> None:
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None: ...

    await app(scope, receive, send)


class Collected(Transport):
    """A transport that keeps what it should send."""

    events: ClassVar[list[Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.events.extend(item.payload.json for item in envelope.items)


def ask(name: str, app: Any, header: str, value: str) -> None:
    with contextlib.suppress(ZeroDivisionError):
        if name in ASGI:
            headers = [(b"host", b"localhost"), (header.lower().encode(), value.encode())]
            asyncio.run(post(app, http_scope(method="POST", headers=headers)))
        else:
            key = "HTTP_" + header.upper().replace("-", "_")
            environ = {"REQUEST_METHOD": "POST", "HTTP_HOST": "localhost", key: value}
            list(call(app, **environ).body)


def main(name: str) -> None:
    found: dict[str, Any] = {}
    before_send: Any
    for scrubbed, before_send in (("", None), (" scrubbed", before_send_of_the_page())):
        dsn = "http://key@127.0.0.1:1/1"
        sentry_sdk.init(dsn=dsn, transport=Collected, before_send=before_send)
        for kind, (header, value) in HEADERS.items():
            Collected.events.clear()
            ask(name, {**ASGI, **WSGI}[name](kind), header, value)
            found[kind + scrubbed] = Collected.events.copy()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
