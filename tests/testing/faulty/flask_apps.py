"""Faults in applications of Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, make_response, render_template_string, request, session
from flask.testing import FlaskClient
from werkzeug.test import Client

from countermark.flask import Countermark, identity_from
from countermark.wsgi import SigningMiddleware
from tests.conftest import SECRET
from tests.testing.faulty import STIGG, Faulty, id_with, password_of

PAGE = "<!doctype html>{{ countermark() }}"


def create_app() -> Flask:
    """Return an application with a session, a page and no fault."""
    app = Flask(__name__)
    app.secret_key = SECRET
    app.config["COUNTERMARK_SIGNERS"] = [STIGG]
    Countermark(app, principal=lambda environ: session.get("user"))

    @app.post("/sign-in")
    def sign_in() -> Any:
        user = id_with(request.form.get("password"))
        if user is None:
            return "", 403
        session["user"] = user
        return ""

    @app.post("/sign-out")
    def sign_out() -> Any:
        session.clear()
        return ""

    return app


def log_in(client: FlaskClient, user: str) -> None:
    assert client.post("/sign-in", data={"password": password_of(user)}).status_code == 200


def log_out(client: FlaskClient) -> Any:
    return client.post("/sign-out")


def faulty(app: Flask, *message: str) -> Faulty:
    return Faulty(app.test_client, log_in, message, log_out)


def cached_page() -> Faulty:
    """Cache the page by its path, for all users."""
    app = create_app()
    pages: dict[str, str] = {}

    @app.get("/")
    def page() -> Any:
        if request.path not in pages:
            pages[request.path] = render_template_string(PAGE)
        return pages[request.path]

    return faulty(
        app, "GET /, requested by 'ben'", "of 'ann'", "in the body", "serves several users"
    )


def public_page() -> Faulty:
    """Let a shared cache keep the page."""
    app = create_app()

    @app.get("/")
    def page() -> Any:
        return render_template_string(PAGE), {"Cache-Control": "public, max-age=60"}

    return faulty(app, "GET / has a token of 'ann', and a cache may keep it", "it is public")


def page_with_validator() -> Faulty:
    """Let the browser store the page, and reuse it after a 304."""
    app = create_app()
    app.wsgi_app = Validator(app.wsgi_app)  # type: ignore[method-assign]

    @app.get("/")
    def page() -> Any:
        return render_template_string(PAGE)

    return faulty(app, "after a 304", "has a token of 'ann', and a cache may keep it")


class Validator:
    """Adds a validator, and removes ``no-store``, as a careless proxy does."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            kept = [pair for pair in headers if pair[0].lower() != "cache-control"]
            added = [("Cache-Control", "private"), ("ETag", '"1"')]
            return start_response(status, [*kept, *added], *rest)

        return self.app(environ, start)


def global_user() -> Faulty:
    """Keep the user in a variable of the process."""
    current: dict[str, Any] = {}
    app = create_app()

    @app.after_request
    def remember(response: Any) -> Any:
        if request.path == "/sign-in":
            current["user"] = session.get("user")
        return response

    @app.get("/")
    def page() -> Any:
        if "user" in session:
            identity_from(request).identify(current["user"])
        return render_template_string(PAGE)

    return faulty(app, "GET /, requested by 'ann'", "of 'ben'", "serves several users")


def token_after_logout() -> Faulty:
    """Write the token of the last page into a cookie, and leave it there."""
    app = create_app()

    @app.get("/")
    def page() -> Any:
        signed = identity_from(request).get("stigg")
        response = make_response("page")
        if signed is not None:
            response.set_cookie("seen", signed.token)
        return response

    return faulty(app, "the cookie seen of the client", "of 'ann' after the user has signed out")


def session_after_logout() -> Faulty:
    """Keep the principal in the session that a logout should clear."""
    app = create_app()

    @app.before_request
    def keep() -> None:
        session["last"] = session.get("user") or session.get("last")

    @app.get("/")
    def page() -> Any:
        if session.get("last"):
            identity_from(request).identify(session["last"])
        return render_template_string(PAGE)

    @app.post("/leave")
    def leave() -> Any:
        del session["user"]
        return ""

    return Faulty(
        app.test_client,
        log_in,
        ("GET / has a token of 'ann' after the user has signed out",),
        lambda client: client.post("/leave"),
    )


def form_field() -> Faulty:
    """Sign the customer of a form."""
    app = create_app()

    @app.post("/checkout/<int:number>")
    def checkout(number: int) -> Any:
        if "user" in session:
            identity_from(request).identify(request.form.get("for-customer") or session["user"])
        return identity_from(request).payload()

    return faulty(
        app,
        "POST /checkout/1, requested by 'ann'",
        "Content-Type: application/x-www-form-urlencoded",
        "for-customer=user-2",
    )


def remote_user_header() -> Faulty:
    """Take the user from a header that any client can send, in plain WSGI."""

    def app(environ: Any, start_response: Any) -> Any:
        body = str(environ["countermark.identity"].payload()).encode()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    def resolver(environ: Any) -> Any:
        return environ.get("HTTP_REMOTE_USER") or environ.get("HTTP_AUTHORIZATION")

    wsgi = SigningMiddleware(app, signers=STIGG, principal=resolver)

    class SignedInClient(Client):
        user: str | None = None

        def open(self, *args: Any, **options: Any) -> Any:
            if self.user:
                options["headers"] = {**options.get("headers", {}), "Authorization": self.user}
            return super().open(*args, **options)

    def sign_in(client: Any, user: str) -> None:
        client.user = {"ann": "user-1", "ben": "user-2"}[user]

    return Faulty(
        lambda: SignedInClient(wsgi),
        sign_in,
        ("    GET /\n    Remote-User: user-1\n",),
        options={"signers": STIGG, "paths": ["/"]},
    )


CASES: dict[str, Callable[[], Faulty]] = {
    "a page cached for all": cached_page,
    "a public page": public_page,
    "a page with a validator": page_with_validator,
    "a variable of the process": global_user,
    "a token left in a cookie": token_after_logout,
    "a user left in the session": session_after_logout,
    "a form": form_field,
    "a header of the server": remote_user_header,
}
