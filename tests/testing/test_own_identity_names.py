"""The names of parameters that the assertion finds in the code of an application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import flask
import pytest
from django.http import HttpResponse, JsonResponse
from django.test import Client, override_settings
from django.urls import path
from fastapi import Depends, FastAPI
from flask import Flask
from flask.views import MethodView
from flask_login import LoginManager, UserMixin, current_user
from litestar import Litestar, get
from litestar.middleware import DefineMiddleware
from litestar.testing import TestClient as LitestarClient
from starlette.authentication import AuthenticationBackend
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from countermark import Keyring, Principal, Signer, asgi
from countermark.testing import assert_own_identity_only
from countermark.wsgi import SigningMiddleware
from tests.conftest import SECRET
from tests.frameworks.django_project import start
from tests.testing.wsgi_users import (
    STIGG,
    USERS,
    UserClient,
    application,
    client_of,
    log_in,
    token,
)

start()

CLOSED = {"Cache-Control": "private, no-store"}


def message_of(client: Callable[[], Any], **options: Any) -> str:
    """Return the message about the fault of an application whose users sign in by a header."""

    def sign_in(client: Any, user: str) -> None:
        if hasattr(client, "environ_base"):  # of Flask
            client.environ_base["HTTP_AUTHORIZATION"] = USERS[user]
        elif hasattr(client, "generic"):  # of Django
            client.defaults["HTTP_AUTHORIZATION"] = USERS[user]
        else:
            client.headers["Authorization"] = USERS[user]

    with pytest.raises(AssertionError) as caught:
        assert_own_identity_only(client, sign_in, USERS, signers=STIGG, **options)
    return str(caught.value)


class Service:
    """What an application has beside its routes."""

    def user_of(self, given: Any) -> str | None:
        """Return the user of a request, or another one."""
        user: str | None = given.get("owner-of-service")
        return user


service = Service()


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError


# FastAPI and Starlette


async def by_function(request: Request, call_next: Any) -> Any:
    request.state.claimed = request.query_params.get("by-function")
    return await call_next(request)


class ByClass(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Any) -> Any:
        request.state.claimed = self.claimed(request)
        return await call_next(request)

    def claimed(self, request: Request) -> str | None:
        return request.query_params.get("by-class")


class Backend(AuthenticationBackend):
    async def authenticate(self, conn: Any) -> None:
        conn.state.claimed = conn.query_params.get("by-backend")


class Dependency:
    def __init__(self, request: Request) -> None:
        request.state.claimed = request.query_params.get("by-dependency")


def dependency(request: Request) -> None:
    request.state.claimed = service.user_of(request.query_params)


def fastapi_client(*dependencies: Any, **middleware: Any) -> Callable[[], TestClient]:
    app = FastAPI(openapi_url=None, dependencies=[Depends(each) for each in dependencies])

    @app.get("/")
    def page(request: Request) -> JSONResponse:
        user = getattr(request.state, "claimed", None) or request.headers.get("Authorization")
        return JSONResponse(token(user), headers=CLOSED)

    if middleware:
        app.add_middleware(**middleware)
    return lambda: TestClient(app)


@pytest.mark.parametrize(
    ("given", "middleware", "name"),
    [
        ([], {"middleware_class": BaseHTTPMiddleware, "dispatch": by_function}, "by-function"),
        ([], {"middleware_class": ByClass}, "by-class"),
        ([], {"middleware_class": AuthenticationMiddleware, "backend": Backend()}, "by-backend"),
        ([Dependency], {}, "by-dependency"),
        ([dependency], {}, "owner-of-service"),
    ],
)
def test_names_in_middlewares_and_dependencies_are_tried(
    given: list[Any], middleware: dict[str, Any], name: str
) -> None:
    assert f"GET /?{name}=user-" in message_of(fastapi_client(*given, **middleware))


# Flask


class Page(MethodView):
    def get(self) -> Any:
        user = self.claimed() or flask.request.headers.get("Authorization")
        return flask.make_response(token(user), CLOSED)

    def claimed(self) -> str | None:
        return flask.request.args.get("by-method")


def flask_client() -> Flask:
    app = Flask("flask", static_folder=None)
    app.secret_key = "of the tests"

    @app.get("/")
    def page() -> Any:
        user = flask.g.get("claimed") or flask.request.headers.get("Authorization")
        return flask.make_response(token(user), CLOSED)

    return app


def test_names_in_the_helpers_of_a_class_of_views_are_tried() -> None:
    app = Flask("flask", static_folder=None)
    app.add_url_rule("/", view_func=Page.as_view("page"))
    assert "GET /?by-method=user-" in message_of(app.test_client)


def test_names_in_a_hook_before_the_request_are_tried() -> None:
    app = flask_client()

    @app.before_request
    def hook() -> None:
        flask.g.claimed = flask.request.args.get("by-hook")

    assert "GET /?by-hook=user-" in message_of(app.test_client)


def test_names_in_the_loader_of_flask_login_are_tried() -> None:
    app = flask_client()

    @LoginManager(app).request_loader  # type: ignore[untyped-decorator]
    def load(request: flask.Request) -> UserMixin | None:
        flask.g.claimed = request.args.get("by-loader")
        return None

    app.before_request(load_the_user)
    assert "GET /?by-loader=user-" in message_of(app.test_client)


def load_the_user() -> None:
    assert current_user.is_anonymous


# Django and WSGI


class Middleware:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        request.claimed = request.META.get("HTTP_X_BY_MIDDLEWARE")
        return self.get_response(request)


def rest_view() -> Any:
    from rest_framework.authentication import BaseAuthentication  # needs the settings
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class Authentication(BaseAuthentication):  # type: ignore[misc]
        def authenticate(self, request: Any) -> None:
            request._request.claimed = request.GET.get("by-authentication")

    class View(APIView):  # type: ignore[misc]
        authentication_classes = (Authentication,)
        permission_classes = ()

        def get(self, request: Any) -> Any:
            return Response(token(claimed_in(request._request)), headers=CLOSED)

    return View.as_view()


def claimed_in(request: Any) -> str | None:
    user: str | None = getattr(request, "claimed", None) or request.headers.get("Authorization")
    return user


def plain_view(request: Any) -> HttpResponse:
    return JsonResponse({"token": token(claimed_in(request))}, headers=CLOSED)


urlpatterns: list[Any] = []


@pytest.mark.parametrize(
    ("view", "middleware", "shown"),
    [
        (lambda: plain_view, [f"{__name__}.Middleware"], "X-BY-MIDDLEWARE: user-"),
        (rest_view, [], "GET /?by-authentication=user-"),
    ],
)
def test_names_in_the_middlewares_and_authentication_of_django_are_tried(
    view: Any, middleware: list[str], shown: str
) -> None:
    urlpatterns[:] = [path("", view())]
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=middleware):
        assert shown in message_of(Client)


def test_the_name_of_a_header_in_the_environ_is_tried() -> None:
    def view(environ: Any, user: str | None) -> Any:
        asked = environ.get("HTTP_X_ENVIRON_OWNER", user)
        return 200, [*CLOSED.items()], token(asked if user else None)

    with pytest.raises(AssertionError, match="X-ENVIRON-OWNER: user-2"):
        assert_own_identity_only(client_of(view), log_in, USERS, ["/"], signers=STIGG)


class Resolver:
    def principal(self, environ: Any) -> str | None:
        user: str | None = environ.get("HTTP_X_ODD_OWNER") or environ.get("HTTP_AUTHORIZATION")
        return user


def with_a_variable_that_has_no_value() -> Callable[[Any], str | None]:
    def principal(environ: Any) -> str | None:
        return value if environ is None else Resolver().principal(environ)

    if not USERS:
        value = "user-1"
    return principal


@pytest.mark.parametrize(
    "principal", [Resolver().principal, with_a_variable_that_has_no_value()], ids=["bound", "cell"]
)
def test_names_in_a_method_that_is_the_resolver_or_is_called_by_it_are_tried(
    principal: Any,
) -> None:
    page = application(lambda environ, user: (200, [], "page"))
    app = SigningMiddleware(page, signers=STIGG, principal=principal)
    with pytest.raises(AssertionError, match="X-ODD-OWNER: user-1"):
        assert_own_identity_only(lambda: UserClient(app), log_in, USERS, ["/"], signers=STIGG)


def test_a_parameter_for_an_email_address_gets_one() -> None:
    jwt = Signer("intercom-jwt", Keyring(SECRET))

    def view(environ: Any, user: str | None) -> Any:
        sent = dict(parse_qsl(environ["QUERY_STRING"])).get("email", "")
        email = sent if "@" in sent else None
        return 200, [*CLOSED.items()], jwt.sign(Principal(user, email=email)) if user else ""

    with pytest.raises(AssertionError, match=r"GET /\?email=user-2%40example.com\n"):
        assert_own_identity_only(client_of(view), log_in, USERS, ["/"], signers=jwt)


async def by_litestar_header(scope: Any) -> str | None:
    sent = dict(scope["headers"])
    found: bytes | None = sent.get(b"x-litestar-owner") or sent.get(b"authorization")
    return None if found is None else found.decode()


def test_names_in_the_resolver_of_litestar_are_tried() -> None:
    @get("/")
    async def page() -> str:
        return "page"

    signing: Any = asgi.SigningMiddleware  # Litestar types the messages of ASGI more closely
    signing = DefineMiddleware(signing, signers=STIGG, principal=by_litestar_header)
    app = Litestar([page], middleware=[signing], logging_config=None)
    assert "x-litestar-owner: user-1" in message_of(lambda: LitestarClient(app), paths=["/"])
