"""The demo as a Starlette application: sign in, and see the tokens of each scheme."""

from __future__ import annotations

import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from countermark.asgi import App, Receive, RolloutPage, Scope, ScriptEndpoint, Send
from countermark.demo import USERS, vendors
from countermark.demo.pages import current_person, scheme_app
from countermark.demo.parts import parts_of
from countermark.demo.receiver import Receiver
from countermark.demo.security import HOSTS, Protection, form_of
from countermark.schemes import scheme_slugs

_FIRST = "stigg"
_MODES = ("off", "monitor", "enforce")


class _Schemes:
    """The applications of all schemes. Each is built at its first request."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._apps: dict[str, App] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        slug = scope["path_params"]["slug"]
        if slug not in scheme_slugs():
            await PlainTextResponse("There is no such scheme.", 404)(scope, receive, send)
            return
        if slug not in self._apps:
            self._apps[slug] = scheme_app(parts_of(slug), self._receiver)
        await self._apps[slug](scope, receive, send)


async def home(request: Request) -> Response:
    return _to_page(request.query_params.get("scheme", _FIRST))


async def current_user(request: Request) -> Response:
    person = current_person(request)
    name = None if person is None else person.name
    return JSONResponse({"name": name}, headers={"Cache-Control": "no-store"})


async def sign_in(request: Request) -> Response:
    form = await form_of(request)
    request.session["user_id"] = USERS[request.path_params["number"] % len(USERS)]
    return _to_page(form.get("scheme", _FIRST))


async def sign_out(request: Request) -> Response:
    form = await form_of(request)
    request.session.clear()
    return _to_page(form.get("scheme", _FIRST))


async def switch(request: Request) -> Response:
    form = await form_of(request)
    for mode in _MODES:
        if mode == form.get("mode"):
            request.app.state.receiver.mode = mode
            request.app.state.vendors.enforce(mode == "enforce")
    return _to_page(form.get("scheme", _FIRST), "#modes")


def _to_page(slug: str, fragment: str = "") -> Response:
    known = slug if slug in scheme_slugs() else _FIRST
    return RedirectResponse(f"/schemes/{known}/{fragment}", 303)


def create_app() -> Starlette:
    """Return the application. Its sessions are valid until the process stops."""
    receiver, stand_ins = Receiver(), vendors.Vendors()
    rollout = RolloutPage(receiver.meter, authorize=lambda scope: True, refresh=1.0)
    static = StaticFiles(directory=Path(__file__).parent / "static")
    app = Starlette(
        routes=[
            Route("/", home),
            Mount("/schemes/{slug}", _Schemes(receiver)),
            Route("/current-user", current_user),
            Route("/sign-in/{number:int}", sign_in, methods=["POST"]),
            Route("/sign-out", sign_out, methods=["POST"]),
            Route("/mode", switch, methods=["POST"]),
            Route("/rollout", rollout),
            Route("/static/countermark.js", ScriptEndpoint()),
            Mount("/static", static),
            Mount(vendors.STIGG_PATH, stand_ins.stigg),
            Mount(vendors.FLOW_PATH, stand_ins.flow),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
            Middleware(Protection),
            Middleware(SessionMiddleware, secret_key=secrets.token_hex(), same_site="strict"),
        ],
    )
    app.state.vendors, app.state.receiver = stand_ins, receiver
    return app
