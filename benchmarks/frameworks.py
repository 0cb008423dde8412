"""What the adapters add to a request of their framework, beside its own idiom by hand.

Each application answers two bytes. By hand is what people write: ``hmac.new`` over
the user's id, into a header, and no rule for caches, logins in the request or odd ids.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any

import django
import fastapi
import flask
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import path

from benchmarks import asgi_loop, asgi_stack, wsgi_stack
from benchmarks.asgi_peers import user_id
from benchmarks.measure import Bar, Suite, Variant
from benchmarks.subject import HEADER, KEYRING, SECRET, TOKEN
from countermark import Signer
from countermark.asgi import SigningMiddleware
from countermark.flask import Countermark

_BARE, _OURS, _HAND = "bare application", "countermark", "by hand"


def by_hand(user: str) -> str:
    """Sign in the way of Stigg."""
    return f"HMAC-SHA256 {user}:{hmac.new(SECRET, user.encode(), hashlib.sha256).hexdigest()}"


def _suite(framework: str, idiom: str, bare: Any, ours: Any, hand: Any) -> Suite:
    return Suite(
        f"{framework}, without a server",
        [
            Variant(_BARE, bare),
            Variant(_OURS, ours, _BARE, ours=True),
            Variant(f"{_HAND}, {idiom}", hand, _BARE),
        ],
        [Bar(f"{framework}, added / added {_HAND}, {idiom}", 1.25, _OURS, f"{_HAND}, {idiom}")],
        count=20,
    )


def fastapi_suite() -> Suite:
    """Return FastAPI with a middleware, and with a dependency."""

    async def sign(request: fastapi.Request, response: fastapi.Response) -> None:
        user = request.scope["user"]
        if user.is_authenticated:
            response.headers[HEADER] = by_hand(user.id)

    def build(*dependencies: Any) -> fastapi.FastAPI:
        app = fastapi.FastAPI(openapi_url=None)

        @app.get("/", dependencies=dependencies)
        async def answer() -> str:
            return "ok"

        return app

    bare, ours, hand = build(), build(), build(fastapi.Depends(sign))
    ours.add_middleware(SigningMiddleware, signers=Signer("stigg", KEYRING), principal=user_id)
    loop = asyncio.new_event_loop()
    blocks = [asgi_loop.requests_on(app, loop) for app in (bare, ours, hand)]
    assert asgi_stack.token_sent(ours) == asgi_stack.token_sent(hand) == TOKEN.encode()
    return _suite("FastAPI", "a dependency", *blocks)


def flask_suite() -> Suite:
    """Return Flask with the extension, and with ``after_request``."""

    def build() -> flask.Flask:
        app = flask.Flask("benchmark")
        app.add_url_rule("/", view_func=lambda: "ok", endpoint="answer")
        return app

    def sign(response: flask.Response) -> flask.Response:
        user = flask.request.environ.get("REMOTE_USER")
        if user:
            response.headers[HEADER] = by_hand(user)
        return response

    bare, ours, hand = build(), build(), build()
    ours.config["COUNTERMARK_SIGNERS"] = [Signer("stigg", KEYRING)]
    Countermark(ours, principal=wsgi_stack.user_id)
    hand.after_request(sign)
    assert wsgi_stack.token_sent(ours) == wsgi_stack.token_sent(hand) == TOKEN
    return _suite("Flask", "`after_request`", *map(wsgi_stack.requests, (bare, ours, hand)))


def remote_user(request: Any) -> str | None:
    """Tell whose request it is."""
    return request.META.get("REMOTE_USER") or None


class HandWritten:
    """The usual middleware of a project."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        response = self.get_response(request)
        user = remote_user(request)
        if user:
            response[HEADER] = by_hand(user)
        return response


def django_suite() -> Suite:
    """Return Django with the middleware, and with one by hand."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF=(path("", lambda request: HttpResponse("ok")),),
            COUNTERMARK={"SIGNERS": [Signer("stigg", KEYRING)], "RESOLVER": remote_user},
        )
        django.setup()

    def build(*middleware: str) -> WSGIHandler:
        with override_settings(MIDDLEWARE=middleware):
            return WSGIHandler()

    bare = build()
    ours = build("countermark.django.middleware.SigningMiddleware")
    hand = build("benchmarks.frameworks.HandWritten")
    assert wsgi_stack.token_sent(ours) == wsgi_stack.token_sent(hand) == TOKEN
    return _suite("Django", "a middleware", *map(wsgi_stack.requests, (bare, ours, hand)))
