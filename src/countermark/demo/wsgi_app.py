"""The demo as a WSGI application. The server authenticates the user."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from countermark.demo import SIGNATURES_PATH, demo_signers
from countermark.resolvers import from_environ
from countermark.wsgi import IDENTITY_KEY, SignaturesEndpoint, SigningMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_endpoint = SignaturesEndpoint()


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == SIGNATURES_PATH:
        return _endpoint(environ, start_response)
    body = json.dumps(environ[IDENTITY_KEY].payload()).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


def create_app() -> WSGIApplication:
    """Return the application. It trusts ``REMOTE_USER``."""
    return SigningMiddleware(page, signers=demo_signers(), principal=from_environ())
