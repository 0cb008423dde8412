"""Sign in, sign out, a page and the endpoint, with sessions of our own, as Bottle has none.

STIGG_SIGNING_SECRET=... gunicorn 'app:create_app()'
"""

import secrets
from wsgiref.types import WSGIApplication

from bottle import Bottle, HTTPResponse, abort, redirect, request, response, template

from countermark import Signer
from countermark.resolvers import from_environ
from countermark.signing import identity_script, respond
from countermark.wsgi import IDENTITY_KEY, SigningMiddleware

PAGE = "<!doctype html><title>Countermark</title>{{!script}}<p>Hello, {{user_id}}.</p>"
PASSWORDS = {"ann's password": "user-1", "bob's password": "user-2"}  # yours are hashed
SESSIONS: dict[str, str] = {}  # yours are in a database, and expire

principal = from_environ("countermark.user_id")


def signers() -> list[Signer]:
    return [Signer.from_env("stigg")]  # reads STIGG_SIGNING_SECRET


def find_user() -> None:
    request.environ["countermark.user_id"] = SESSIONS.get(request.get_cookie("session", ""))


def page() -> str:
    script = identity_script(request.environ[IDENTITY_KEY])
    return template(
        PAGE, script=script, user_id=request.environ["countermark.user_id"] or "anonymous"
    )


def sign_in() -> None:
    user_id = PASSWORDS.get(request.forms["password"])
    if user_id is None:
        abort(403, "Unknown password")
    session = secrets.token_urlsafe()
    SESSIONS[session] = request.environ["countermark.user_id"] = user_id
    response.set_cookie("session", session, path="/", httponly=True, samesite="lax")
    redirect("/", 303)


def sign_out() -> None:
    SESSIONS.pop(request.get_cookie("session", ""), None)
    request.environ["countermark.user_id"] = None
    redirect("/", 303)


def signatures() -> HTTPResponse:
    status, headers, body = respond(request.method, request.environ[IDENTITY_KEY])
    return HTTPResponse(body, status, headers)


def create_app() -> WSGIApplication:
    app = Bottle()
    app.add_hook("before_request", find_user)
    app.get("/", callback=page)
    app.post("/sign-in", callback=sign_in)
    app.post("/sign-out", callback=sign_out)
    app.get("/signatures", callback=signatures)
    return SigningMiddleware(app, signers=signers(), principal=principal)
