"""Sign in, sign out, a page and the endpoint, with sessions of our own, as Falcon has none.

STIGG_SIGNING_SECRET=... gunicorn 'app:create_app()'
"""

import secrets
from wsgiref.types import WSGIApplication

import falcon
from falcon import Request, Response

from countermark import Signer
from countermark.resolvers import from_environ
from countermark.signing import identity_script, respond
from countermark.wsgi import IDENTITY_KEY, SigningMiddleware

PAGE = "<!doctype html><title>Countermark</title>{script}<p>Hello, {user_id}.</p>"
PASSWORDS = {"ann's password": "user-1", "bob's password": "user-2"}  # yours are hashed
SESSIONS: dict[str, str] = {}  # yours are in a database, and expire

principal = from_environ("countermark.user_id")


def signers() -> list[Signer]:
    return [Signer.from_env("stigg")]  # reads STIGG_SIGNING_SECRET


class CurrentUser:
    def process_request(self, req: Request, resp: Response) -> None:
        req.env["countermark.user_id"] = SESSIONS.get(req.cookies.get("session", ""))


class Page:
    def on_get(self, req: Request, resp: Response) -> None:
        script = identity_script(req.env[IDENTITY_KEY])
        resp.content_type = falcon.MEDIA_HTML
        resp.text = PAGE.format(
            script=script, user_id=req.env["countermark.user_id"] or "anonymous"
        )


class Sessions:
    def on_post(self, req: Request, resp: Response) -> None:
        user_id = PASSWORDS.get(req.get_media()["password"])
        if user_id is None:
            raise falcon.HTTPForbidden
        session = secrets.token_urlsafe()
        SESSIONS[session] = req.env["countermark.user_id"] = user_id
        resp.set_cookie("session", session, path="/", same_site="Lax")

    def on_delete(self, req: Request, resp: Response) -> None:
        SESSIONS.pop(req.cookies.get("session", ""), None)
        req.env["countermark.user_id"] = None


class Signatures:
    def on_get(self, req: Request, resp: Response) -> None:
        status, headers, resp.data = respond(req.method, req.env[IDENTITY_KEY])
        resp.status = status
        resp.set_headers(headers)


def create_app() -> WSGIApplication:
    app = falcon.App(middleware=CurrentUser())
    app.add_route("/", Page())
    app.add_route("/session", Sessions())
    app.add_route("/signatures", Signatures())
    return SigningMiddleware(app, signers=signers(), principal=principal)
