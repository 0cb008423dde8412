"""The demo as a Starlette application: sign in, and see the tokens of the page."""

from __future__ import annotations

import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.templating import Jinja2Templates

from countermark.asgi import SignaturesEndpoint, SigningMiddleware
from countermark.demo import SIGNATURES_PATH, USERS, demo_signers, vendors
from countermark.resolvers import from_session

_templates = Jinja2Templates(Path(__file__).parent / "templates")


async def page(request: Request) -> Response:
    identity, stand_ins = request.state.countermark, request.app.state.vendors
    context = {
        "users": USERS,
        "identity": identity,
        "endpoint": SIGNATURES_PATH,
        "enforced": stand_ins.enforced,
        "attempts": [attempt._asdict() for attempt in stand_ins.attempts(identity.payload())],
        "vendors": vendors,
    }
    return _templates.TemplateResponse(request, "page.html", context)


async def sign_in(request: Request) -> Response:
    request.session["user_id"] = USERS[request.path_params["number"] % len(USERS)]
    return RedirectResponse("/", status_code=303)


async def sign_out(request: Request) -> Response:
    request.session.clear()
    return RedirectResponse("/", status_code=303)


async def switch(request: Request) -> Response:
    request.app.state.vendors.enforced = request.path_params["enforced"] == 1
    return RedirectResponse("/", status_code=303)


def create_app() -> Starlette:
    """Return the application. Its sessions are valid until the process stops."""
    stand_ins = vendors.Vendors()
    app = Starlette(
        routes=[
            Route("/", page),
            Route("/sign-in/{number:int}", sign_in, methods=["POST"]),
            Route("/sign-out", sign_out, methods=["POST"]),
            Route("/enforced/{enforced:int}", switch, methods=["POST"]),
            Route(SIGNATURES_PATH, SignaturesEndpoint()),
            Mount(vendors.STIGG_PATH, stand_ins.stigg),
            Mount(vendors.FLOW_PATH, stand_ins.flow),
        ],
        middleware=[
            Middleware(SessionMiddleware, secret_key=secrets.token_hex()),
            Middleware(
                SigningMiddleware, signers=demo_signers(), principal=from_session("user_id")
            ),
        ],
    )
    app.state.vendors = stand_ins
    return app
