"""The requests that the assertion sends: routes, methods, parameters and their number."""

from __future__ import annotations

from collections import Counter
from functools import partial, wraps
from typing import Any

import flask
import pytest
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import include, path, re_path
from django.views import View
from fastapi import APIRouter, FastAPI
from flask import Flask
from flask.testing import FlaskClient
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient

from countermark import ConfigurationError, asgi, wsgi
from countermark.flask import Countermark, identity_from
from countermark.starlette import SigningMiddleware as StarletteMiddleware
from countermark.testing import assert_own_identity_only
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

CLOSED = ("Cache-Control", "private, no-store")


class Order(BaseModel):
    """A body, here because FastAPI resolves the annotations of functions in modules."""

    quantity_of_orders: str


def requested_by(client: Any, seen: Counter[str], **options: Any) -> list[str]:
    """Return the methods and paths that are requested of an application that signs nothing."""
    seen.clear()
    with pytest.raises(AssertionError, match="no response has a token of 'ann'"):
        assert_own_identity_only(client, lambda client, user: None, USERS, signers=STIGG, **options)
    return sorted(seen)


def test_all_routes_of_starlette_are_requested_with_their_methods() -> None:
    seen: Counter[str] = Counter()

    async def page(request: Any) -> Any:
        seen[f"{request.method} {request.url.path}"] += 1
        return PlainTextResponse("page")

    class Orders(HTTPEndpoint):
        async def get(self, request: Any) -> Any:
            return await page(request)

        async def delete(self, request: Any) -> Any:
            return await page(request)

    app = Starlette(
        routes=[
            Route("/", page),
            Mount("/in", routes=[Route("/orders/{id:int}", Orders), WebSocketRoute("/ws", page)]),
            Mount("/files", PlainTextResponse("file")),
            Route("/both", partial(page), methods=["PUT", "PATCH"]),
        ]
    )

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    outer.app = app  # type: ignore[attr-defined]
    expected = ["DELETE /in/orders/1", "GET /", "GET /in/orders/1", "PATCH /both", "PUT /both"]
    assert requested_by(lambda: TestClient(outer), seen) == expected
    assert requested_by(lambda: TestClient(app), seen, methods=["GET"], exclude=["/"]) == [
        "GET /in/orders/1"
    ]


def test_a_route_that_the_router_has_twice_is_requested_once() -> None:
    seen: Counter[str] = Counter()

    async def page(request: Any) -> Any:
        seen["requests"] += 1
        return PlainTextResponse("page")

    counts = []
    for routes in ([Route("/", page)], [Route("/", page), Route("/", page)]):
        app = Starlette(routes=routes)
        requested_by(lambda app=app: TestClient(app), seen)
        counts.append(seen["requests"])
    assert counts[0] == counts[1] > 5


def test_all_routes_of_fastapi_are_requested_with_the_parameters_of_its_dependencies() -> None:
    seen: Counter[str] = Counter()
    app, router = FastAPI(openapi_url=None), APIRouter(prefix="/api")

    @router.post("/orders/{id}")
    def order(id: str, order: Order, sorted_by: str = "") -> str:
        seen[f"POST /api/orders/{id} {order.quantity_of_orders} {sorted_by}"] += 1
        return "order"

    router.add_route("/plain", lambda request: PlainTextResponse(str(seen.update(["GET plain"]))))
    app.include_router(router, prefix="/v1")
    requested = requested_by(lambda: TestClient(app), seen)
    assert requested[0] == "GET plain"
    assert set(requested[1:]) >= {
        "POST /api/orders/user-1 user-2 user-2", "POST /api/orders/user-2 user-1 user-1"
    }  # fmt: skip


def test_all_routes_of_flask_are_requested() -> None:
    seen: Counter[str] = Counter()
    app = Flask(__name__, static_folder=None)

    @app.route("/orders/<id>", methods=["GET", "POST"])
    def orders(id: str) -> str:
        seen[id] += 1
        return "order"

    def decorated(view: Any) -> Any:
        @wraps(view)
        def call() -> Any:
            seen["/"] += 1
            return view()

        return call

    app.add_url_rule("/", "page", decorated(lambda: "page"))
    app.add_url_rule("/no-view", "none")
    assert requested_by(app.test_client, seen) == ["/", "ann", "ben", "user-1", "user-2"]


def test_all_routes_of_django_are_requested_except_for_complex_expressions() -> None:
    seen: Counter[str] = Counter()

    def page(request: Any, **values: str) -> Any:
        seen[f"{request.method} {request.path}"] += 1
        return HttpResponse("page")

    class Orders(View):  # type: ignore[misc]
        def get(self, request: Any, **values: str) -> Any:
            return page(request)

        delete = get

    from rest_framework.viewsets import ViewSet  # it needs the settings

    class Sets(ViewSet):  # type: ignore[misc]
        authentication_classes: tuple[Any, ...] = ()

        def update(self, request: Any) -> Any:
            return page(request)

    urls = (
        path("", page),
        re_path(r"^old/(?P<pk>\d+)\.html$", Orders.as_view()),
        re_path(r"^(a|b)/$", page),
        path("api/", Sets.as_view({"put": "update"})),
        path("in/", include([path("<int:pk>/", page), re_path(r"^end\Z", page)])),
    )
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=[]):
        assert requested_by(Client, seen, parameters=["user[id]"]) == [
            "DELETE /old/1.html", "GET /", "GET /in/1/", "GET /in/end", "GET /old/1.html",
            "POST /", "POST /in/1/", "POST /in/end", "PUT /api/",
        ]  # fmt: skip


class Unready:
    """A proxy that raises whatever it is asked, as Django's settings do before the set-up."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError


unready = Unready()


def asked_user(request: Any) -> str | None:
    return last_resort(request) or flask.request.headers.get("X-Our-Customer-Number")


def last_resort(request: Any) -> str | None:
    return request.cookies.get("x") if request is unready else None


def test_the_names_in_functions_that_a_view_calls_are_tried() -> None:
    app = Flask(__name__)
    app.secret_key = SECRET
    app.config["COUNTERMARK_SIGNERS"] = [STIGG]
    Countermark(app, principal=lambda environ: flask.session.get("user"))

    @app.get("/")
    def page() -> str:
        if identity_from(flask.request):
            user = asked_user(flask.request) or flask.session["user"]
            identity_from(flask.request).identify(user)
        return "page"

    @app.post("/in/<user>")
    def sign_in(user: str) -> str:
        flask.session["user"] = USERS[user]
        return ""

    with pytest.raises(AssertionError, match="    X-Our-Customer-Number: user-2"):
        assert_own_identity_only(
            app.test_client,
            lambda client, user: client.post(f"/in/{user}"),
            USERS,
            signers=STIGG,
            methods=["GET"],
        )


def by_odd_name(source: Any) -> str | None:
    """Return the user of a header of an unusual name, for ASGI and WSGI."""
    name = "x-our-odd-header"
    sent = dict(source["headers"]) if "headers" in source else source
    user = sent.get(b"authorization", sent.get("HTTP_AUTHORIZATION"))
    asked = sent.get(name.encode(), sent.get(f"HTTP_{name.upper().replace('-', '_')}"))
    found = user and (asked or user)
    return found.decode() if isinstance(found, bytes) else found


async def by_odd_name_later(source: Any) -> str | None:
    return by_odd_name(source)


def by_odd_name_in_django(request: Any) -> str | None:
    return by_odd_name(request.META)


class HeaderClient(TestClient):
    """Sends the id of the user with each request."""

    def request(self, method: str, url: Any, *, headers: Any = None, **options: Any) -> Any:
        user = {"Authorization": self.user} if self.user else {}
        return super().request(method, url, headers={**(headers or {}), **user}, **options)

    user: str | None = None


def flask_client() -> Any:
    app = Flask(__name__)
    app.config["COUNTERMARK_SIGNERS"] = [STIGG]
    Countermark(app, principal=by_odd_name)
    app.test_client_class = UserFlaskClient
    return app.test_client()


class UserFlaskClient(FlaskClient):
    """Sends the id of the user with each request."""

    user: str | None = None

    def open(self, *args: Any, **options: Any) -> Any:
        if self.user:
            options["headers"] = {**options.get("headers", {}), "Authorization": self.user}
        return super().open(*args, **options)


class UserDjangoClient(Client):  # type: ignore[misc]
    """Sends the id of the user with each request."""

    user: str | None = None

    def generic(self, *args: Any, headers: Any, **options: Any) -> Any:
        user = {"Authorization": self.user} if self.user else {}
        return super().generic(*args, headers={**headers, **user}, **options)


def starlette_client(resolver: Any) -> Any:
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("page"))])
    app.add_middleware(StarletteMiddleware, signers=STIGG, principal=resolver)
    return HeaderClient(app)


def asgi_client(resolver: Any) -> Any:
    app = PlainTextResponse("page")
    return HeaderClient(asgi.SigningMiddleware(app, signers=STIGG, principal=resolver))


def wsgi_client(resolver: Any) -> Any:
    app = application(lambda environ, user: (200, [], "page"))
    return UserClient(wsgi.SigningMiddleware(app, signers=STIGG, principal=resolver))


@pytest.mark.parametrize(
    "create",
    [
        lambda: starlette_client(by_odd_name),
        lambda: asgi_client(by_odd_name),
        lambda: asgi_client(by_odd_name_later),
        lambda: wsgi_client(by_odd_name),
        flask_client,
        UserDjangoClient,
    ],
    ids=["Starlette", "ASGI", "async", "WSGI", "Flask", "Django"],
)
def test_the_names_in_the_resolver_are_tried(create: Any) -> None:
    signing = "countermark.django.middleware.SigningMiddleware"
    options: dict[str, Any] = {
        "ROOT_URLCONF": (path("", lambda request: HttpResponse("page")),),
        "MIDDLEWARE": [signing],
        "COUNTERMARK": {"SIGNERS": [STIGG], "RESOLVER": by_odd_name_in_django},
    }
    with override_settings(**options), pytest.raises(AssertionError) as caught:
        assert_own_identity_only(create, log_in, USERS, ["/"], signers=STIGG)
    assert "    x-our-odd-header: user-2" in str(caught.value)


def test_a_django_application_may_sign_by_another_middleware() -> None:
    urls = (path("", lambda request: HttpResponse("page")),)
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=[], COUNTERMARK={}):
        assert requested_by(Client, Counter()) == []


def test_given_paths_may_have_a_method_and_a_query() -> None:
    seen: Counter[str] = Counter()

    def view(environ: Any, user: str | None) -> Any:
        query = environ["QUERY_STRING"]
        seen[f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {query.partition('&')[0]}"] += 1
        return 200, [CLOSED], token(user)

    assert_own_identity_only(
        client_of(view), log_in, USERS, ["/a?page=1", "PUT /b/{id}"], signers=[STIGG]
    )
    assert {text for text in seen if text.startswith("GET")} == {"GET /a page=1"}
    assert {text for text in seen if text.endswith(" ")} == {
        f"PUT /b/{id} " for id in ("user-1", "user-2", "ann", "ben")
    }


def test_a_refused_parameter_does_not_hide_the_others() -> None:
    def view(environ: Any, user: str | None) -> Any:
        if "account=" in environ["QUERY_STRING"] or "uid" in environ.get("HTTP_COOKIE", ""):
            return 400, [], ""
        asked = environ.get("HTTP_X_REMOTE_USER", user)
        return 200, [CLOSED], token(asked if user else None)

    with pytest.raises(AssertionError, match="X-Remote-User: user-2"):
        assert_own_identity_only(client_of(view), log_in, USERS, ["/"], signers=STIGG)


def test_the_number_of_requests_is_limited_even_if_each_parameter_is_refused() -> None:
    seen: Counter[str] = Counter()

    def view(environ: Any, user: str | None) -> Any:
        seen["all"] += 1
        return 400 if environ["QUERY_STRING"] else 200, [CLOSED], token(user)

    names = [f"name-{number}" for number in range(100)]
    options: dict[str, Any] = {"signers": STIGG, "parameters": names}
    assert_own_identity_only(client_of(view), log_in, USERS, ["/"], **options)
    assert 200 < seen["all"] < 230
    with pytest.raises(ConfigurationError, match="more than max_requests=50;"):
        assert_own_identity_only(client_of(view), log_in, USERS, ["/"], max_requests=50, **options)


@pytest.mark.parametrize(("needed", "most"), [(16, 200), (120, 230)])
def test_the_search_for_the_smallest_request_is_limited(needed: int, most: int) -> None:
    trials: Counter[str] = Counter()

    def view(environ: Any, user: str | None) -> Any:
        trials["all"] += 1
        many = environ["QUERY_STRING"].count("=user-2") >= needed
        return 200, [CLOSED], token("user-2" if many and user else user)

    names = [f"name-{number}" for number in range(100)]
    with pytest.raises(AssertionError, match=r"    GET /\?.*user-2") as caught:
        assert_own_identity_only(
            client_of(view), log_in, USERS, ["/"], signers=STIGG, parameters=names
        )
    assert str(caught.value).count("=user-2") >= needed
    assert trials["all"] <= most


def test_a_smaller_request_shows_the_token_of_the_same_user() -> None:
    def view(environ: Any, user: str | None) -> Any:
        asked = sum(f"{name}=user-2" in environ["QUERY_STRING"] for name in ("&sub", "&as_user"))
        return 200, [CLOSED], token([user, "user-3", "user-2"][asked] if user else None)

    users = {"ann": "user-1", "ben": "user-2", "carol": "user-3"}

    def sign_in(client: Any, user: str) -> None:
        client.user = users[user]

    with pytest.raises(AssertionError, match="has a token of 'ben'") as caught:
        assert_own_identity_only(client_of(view), sign_in, users, ["/?page=1"], signers=STIGG)
    assert "    GET /?page=1&sub=user-2&as_user=user-2\n" in str(caught.value)


def test_the_reason_is_that_of_the_smallest_request() -> None:
    trials: Counter[str] = Counter()

    def view(environ: Any, user: str | None) -> Any:
        trials["all"] += 1
        return 200, [CLOSED], token("user-2" if user and trials["all"] > 8 else user)

    with pytest.raises(AssertionError, match="or the path decides") as caught:
        assert_own_identity_only(client_of(view), log_in, USERS, ["/"], signers=STIGG)
    assert "    GET /\nsent by: 'ann'" in str(caught.value)


def test_a_name_with_an_underscore_is_tried_as_a_header_too() -> None:
    def view(environ: Any, user: str | None) -> Any:
        return 200, [CLOSED], token(user and environ.get("HTTP_ACTING_FOR", user))

    with pytest.raises(AssertionError, match=r"(?i)    acting-for: user-2"):
        assert_own_identity_only(
            client_of(view), log_in, USERS, ["/"], signers=STIGG, parameters=["acting_for"]
        )


def test_a_fault_that_does_not_happen_again_is_shown_as_it_was() -> None:
    trials: Counter[str] = Counter()

    def view(environ: Any, user: str | None) -> Any:
        trials["all"] += 1
        return 200, [CLOSED], token("user-2" if trials["all"] == 1 else user)

    with pytest.raises(AssertionError, match="did not happen again") as caught:
        assert_own_identity_only(client_of(view), log_in, USERS, ["/"], signers=STIGG)
    assert "GET /, requested by 'ann', has a token of 'ben'" in str(caught.value)
