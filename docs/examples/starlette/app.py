"""A Starlette application with countermark.

Set STIGG_SIGNING_SECRET and SESSION_SECRET, then: uvicorn app:app --lifespan on
"""

import os
import secrets
from urllib.parse import parse_qs

from jinja2 import DictLoader, Environment
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from countermark import Signer
from countermark.starlette import (
    SigningMiddleware,
    context_processor,
    identity_from,
    signatures_route,
)

PAGE = """<!doctype html>
<title>Example</title>
{% if request.user.is_authenticated %}
<form method="post" action="/sign-out"><button>Sign out</button></form>
{{ countermark(nonce=nonce) }}
<script nonce="{{ nonce }}">
  const signed = JSON.parse(document.getElementById("countermark").textContent);
  if (signed.stigg) console.log("Stigg takes", signed.stigg);
</script>
{% else %}
<form method="post" action="/sign-in">
  <input name="name"> <input name="password" type="password"> <button>Sign in</button>
</form>
{% endif %}
"""


class User(BaseUser):
    def __init__(self, id: str, password: str) -> None:
        self.id = id
        self.password = password

    @property
    def is_authenticated(self) -> bool:
        return True


# In place of a database, which would hold hashes of passwords.
USERS = {"ann": User("user-1", "ann's password"), "ben": User("user-2", "ben's password")}


class SessionBackend(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        user = USERS.get(conn.session.get("name", ""))
        return None if user is None else (AuthCredentials(["authenticated"]), user)


async def page(request: Request) -> Response:
    nonce = secrets.token_urlsafe(16)
    policy = {"Content-Security-Policy": f"script-src 'nonce-{nonce}'"}
    return templates.TemplateResponse(request, "page.html", {"nonce": nonce}, headers=policy)


async def sign_in(request: Request) -> Response:
    form = parse_qs((await request.body()).decode())
    name, password = form.get("name", [""])[0], form.get("password", [""])[0]
    user = USERS.get(name)
    if user is None or not secrets.compare_digest(user.password.encode(), password.encode()):
        return PlainTextResponse("Wrong name or password.", 403)
    request.session["name"] = name
    identity_from(request).identify(user.id)
    return RedirectResponse("/", 303)


async def sign_out(request: Request) -> Response:
    request.session.clear()
    identity_from(request).forget()
    return RedirectResponse("/", 303)


# docs: from here
templates = Jinja2Templates(
    env=Environment(loader=DictLoader({"page.html": PAGE}), autoescape=True),
    context_processors=[context_processor],
)
app = Starlette(
    routes=[
        Route("/", page),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        signatures_route("/signatures"),
    ],
    middleware=[  # from the outside in
        Middleware(SessionMiddleware, secret_key=os.environ["SESSION_SECRET"]),
        Middleware(AuthenticationMiddleware, backend=SessionBackend()),
        Middleware(SigningMiddleware, signers=Signer.from_env("stigg")),
    ],
)
# docs: to here
