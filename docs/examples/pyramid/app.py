"""Sign in, sign out, a page and the endpoint, with Pyramid's sessions and security policy.

SECRET_KEY=... STIGG_SIGNING_SECRET=... gunicorn 'app:create_app()'
"""

import os
from typing import Any
from wsgiref.types import WSGIApplication

from pyramid.authentication import SessionAuthenticationHelper
from pyramid.config import Configurator
from pyramid.events import NewRequest
from pyramid.httpexceptions import HTTPForbidden, HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import forget, remember
from pyramid.session import SignedCookieSessionFactory
from pyramid.wsgi import wsgiapp

from countermark import Signer
from countermark.signing import identity_script
from countermark.wsgi import IDENTITY_KEY, SignaturesEndpoint, SigningMiddleware

PAGE = "<!doctype html><title>Countermark</title>{script}<p>Hello, {user_id}.</p>"
PASSWORDS = {"ann's password": "user-1", "bob's password": "user-2"}  # yours are hashed


def signers() -> list[Signer]:
    return [Signer.from_env("stigg")]  # reads STIGG_SIGNING_SECRET


class SecurityPolicy:
    def __init__(self) -> None:
        helper = SessionAuthenticationHelper()
        self.authenticated_userid = helper.authenticated_userid
        self.remember = helper.remember
        self.forget = helper.forget


def share_request(event: NewRequest) -> None:
    # When the response starts, Pyramid's threadlocals are no longer there.
    event.request.environ["app.request"] = event.request


def principal(environ: dict[str, Any]) -> str | None:
    request = environ.get("app.request")
    return None if request is None else request.authenticated_userid


def page(request: Request) -> Response:
    script = identity_script(request.environ[IDENTITY_KEY])
    user_id = request.authenticated_userid or "anonymous"
    return Response(PAGE.format(script=script, user_id=user_id))


def sign_in(request: Request) -> Response:
    user_id = PASSWORDS.get(request.POST["password"])
    if user_id is None:
        raise HTTPForbidden
    return HTTPSeeOther("/", headers=remember(request, user_id))


def sign_out(request: Request) -> Response:
    return HTTPSeeOther("/", headers=forget(request))


def create_app() -> WSGIApplication:
    config = Configurator()
    config.set_session_factory(SignedCookieSessionFactory(os.environ["SECRET_KEY"]))
    config.set_security_policy(SecurityPolicy())
    for name, view in {"": page, "sign-in": sign_in, "sign-out": sign_out}.items():
        config.add_route(name or "page", f"/{name}")
        config.add_view(view, route_name=name or "page")
    config.add_subscriber(share_request, NewRequest)
    config.add_route("signatures", "/signatures")
    config.add_view(wsgiapp(SignaturesEndpoint()), route_name="signatures")
    app = config.make_wsgi_app()
    return SigningMiddleware(app, signers=signers(), principal=principal)
