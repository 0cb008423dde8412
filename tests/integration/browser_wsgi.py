"""The pages of the browser tests under WSGI, with Flask."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from flask import Flask, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response

from countermark import Signer
from countermark.wsgi import IDENTITY_KEY, SignaturesEndpoint
from countermark.wsgi import SigningMiddleware as Signing
from tests.integration.browser_pages import KEYRING, KEYS, PAGES, SETTINGS, html, matches, parts

pages = Flask(__name__)


def user_of_cookie(environ: Any) -> str | None:
    return Request(environ).cookies.get("user") or None


def user_of_key(environ: Any) -> str | None:
    return KEYS.get(environ.get("HTTP_AUTHORIZATION", ""))


@pages.get("/<body>/<name>")
def show(body: str, name: str) -> Response:
    page = PAGES[name]
    sent = {key.lower(): value for key, value in request.headers.items()}
    if matches(page, sent):
        return pages.response_class(status=304, headers=page.headers)
    identity = request.environ[IDENTITY_KEY]

    def text() -> str:
        signed = identity.get("stigg") if body == "shown" else None
        return html(signed.token if signed else None)

    content: Any = text() if not page.late else None
    if page.late:
        content = (part for _ in "1" for part in parts(text()))
    elif page.streamed:
        content = parts(content)
    return pages.response_class(content, page.status, page.headers, mimetype="text/html")


def sign_in(environ: Any, start_response: Any) -> Iterable[bytes]:
    response = Response("<!doctype html><title>signed in</title>", mimetype="text/html")
    response.headers["Cache-Control"] = "no-store"
    user = environ["PATH_INFO"].strip("/")
    if user == "nobody":
        response.delete_cookie("user", httponly=True)
    else:
        response.set_cookie("user", user, httponly=True)
    return response(environ, start_response)


class Validating:
    """Adds an ETag of the body and answers 304, as the ETag filters of proxies do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        response = Response.from_app(self.app, environ, buffered=True)
        if response.status_code == 200 and "ETag" not in response.headers:
            response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:16])
            if environ.get("HTTP_IF_NONE_MATCH") == response.headers["ETag"]:
                response.status_code = 304
                response.set_data(b"")
                for name in ("Content-Length", "Content-Type", "Stigg-Customer-Token"):
                    response.headers.pop(name, None)
        return response(environ, start_response)


def application(setting: str) -> Any:
    inner: Any = DispatcherMiddleware(pages, {"/signatures": SignaturesEndpoint()})
    if setting == "inner":
        inner = Validating(inner)
    header: dict[str, Any] = {"header": None} if setting == "state" else {}
    resolver = user_of_key if setting.startswith("bearer") else user_of_cookie
    signer = Signer("stigg", KEYRING, **header)
    app = Signing(inner, signers=signer, principal=resolver, **SETTINGS[setting])
    return Validating(app) if setting.startswith("outer") else app


app = DispatcherMiddleware(
    Response("not found", 404),
    {"/sign-in": sign_in, **{f"/{setting}": application(setting) for setting in SETTINGS}},
)
