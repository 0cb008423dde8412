"""Flask, with the extension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, redirect, render_template_string, stream_with_context

from countermark.flask import Countermark, current_identity, identity_from, signatures_blueprint
from tests.frameworks import cases
from tests.frameworks.clients import WSGIDriver, token_of, whose


def page() -> Response:
    html = render_template_string("<!doctype html>{{ countermark() }}")
    return Response(html, headers={"X-State": token_of(current_identity)})


def login() -> Response:
    identity_from().identify("user-2")
    return page()


def logout() -> Response:
    identity_from().forget()
    return page()


def stream() -> Response:
    def parts() -> Iterator[str]:
        token = token_of(identity_from())
        yield token[:3]
        yield token[3:]

    return Response(stream_with_context(parts()))


def add_routes(app: Flask) -> None:
    """Add the pages of the cases to *app*."""
    for view in (page, login, logout, stream):
        app.add_url_rule(f"/{view.__name__}", view_func=view)
    app.add_url_rule("/redirect", "redirect", lambda: redirect("/page"))
    app.add_url_rule("/error", "error", lambda: str(1 / 0))
    app.add_url_rule("/not-modified", "304", lambda: Response(status=304, headers={"ETag": '"1"'}))
    app.add_url_rule("/file", "file", lambda: Response("a", headers={"ETag": '"1"'}))
    public = {"Cache-Control": "public, max-age=60"}
    app.add_url_rule("/public", "public", lambda: Response("a", headers=public))


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["COUNTERMARK_SIGNERS"] = cases.signers()
    Countermark(app, principal=whose)
    app.register_blueprint(signatures_blueprint)
    add_routes(app)
    return app


driver = WSGIDriver("flask", create_app())

DIFFERENT: dict[str, dict[str, Any]] = {}
