"""Sign in, sign out, a page and the endpoint, with Quart's sessions.

SECRET_KEY=... STIGG_SIGNING_SECRET=... quart --app app run
"""

import os

from markupsafe import Markup
from quart import Quart, Response, abort, redirect, render_template_string, request, session
from quart.typing import ResponseReturnValue

from countermark import RequestIdentity, Signer
from countermark.asgi import SigningMiddleware
from countermark.resolvers import from_session
from countermark.signing import identity_script, respond

PAGE = """
<!doctype html>
<title>Countermark</title>
{{ countermark() }}
<p>Hello, {{ session.user_id or "anonymous" }}.</p>
"""
PASSWORDS = {"ann's password": "user-1", "bob's password": "user-2"}  # yours are hashed

principal = from_session("user_id")


def signers() -> list[Signer]:
    return [Signer.from_env("stigg")]  # reads STIGG_SIGNING_SECRET


def identity() -> RequestIdentity:
    found: RequestIdentity = request.scope["state"]["countermark"]
    return found


def countermark() -> Markup:
    return Markup(identity_script(identity()))


def share_session() -> None:
    # When the response starts, Quart's own `session` is no longer there.
    request.scope["session"] = session._get_current_object()


def create_app() -> Quart:
    app = Quart(__name__)
    app.secret_key = os.environ["SECRET_KEY"]
    app.before_request(share_session)
    app.asgi_app = SigningMiddleware(app.asgi_app, signers=signers(), principal=principal)
    app.jinja_env.globals["countermark"] = countermark

    @app.get("/")
    async def page() -> str:
        return await render_template_string(PAGE)

    @app.post("/sign-in")
    async def sign_in() -> ResponseReturnValue:
        user_id = PASSWORDS.get((await request.form)["password"])
        if user_id is None:
            abort(403)
        session["user_id"] = user_id
        return redirect("/", 303)

    @app.post("/sign-out")
    async def sign_out() -> ResponseReturnValue:
        session.clear()
        return redirect("/", 303)

    @app.get("/signatures")
    async def signatures() -> ResponseReturnValue:
        status, headers, body = respond(request.method, identity())
        return Response(body, status, dict(headers))

    return app
