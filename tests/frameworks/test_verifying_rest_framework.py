"""Verifying in Django REST framework, under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from countermark import ConfigurationError, Principal, Verdict, VerifiedIdentity
from countermark.errors import REFUSALS
from countermark.verifying import from_cookie, from_query
from tests.conftest import Events
from tests.frameworks.cases import Response as Answer
from tests.frameworks.django_project import settings, start
from tests.frameworks.driver_django import asgi, wsgi
from tests.frameworks.tokens import BAD, FLOW, FLOW_SIGNER, NAME, VERIFIER, good

start()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.permissions import (  # noqa: E402
    AllowAny,
    DjangoModelPermissions,
    IsAdminUser,
    IsAuthenticated,
)
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.test import APIClient, APIRequestFactory  # noqa: E402
from rest_framework.throttling import UserRateThrottle  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from countermark.django.rest_framework import TokenAuthentication, VerifiedUser  # noqa: E402
from tests.frameworks.django_project.people import person  # noqa: E402

KEY = "HTTP_X_CUSTOMER_KEY"
EVENTS = Events()


class ByToken(TokenAuthentication):
    verifier = VERIFIER
    on_event = EVENTS


class ByCookie(TokenAuthentication):
    verifier = VERIFIER
    token = from_cookie("t")


class ByQuery(TokenAuthentication):
    verifier = FLOW
    token = from_query("signature")
    claimed_id = from_query("customerReference")


def claimed(source: Any) -> str:
    """Return whom the tests say; it is a function in the body of a class."""
    return "user-1" if source else ""


class ByFunction(TokenAuthentication):
    verifier = FLOW
    token = "X-Signature"
    claimed_id = claimed


class OfModel(TokenAuthentication):
    """Looks users up, as an application would."""

    verifier = VERIFIER

    def get_user(self, identity: VerifiedIdentity) -> Any:
        if identity.principal_id == "user-gone":
            return None
        user = person(identity.principal_id or "")
        user.is_active = identity.principal_id != "user-inactive"
        return user


class OfNumber(TokenAuthentication):
    """Looks users up by a field that is a number."""

    verifier = VERIFIER

    def get_user(self, identity: VerifiedIdentity) -> Any:
        return person(str(int(identity.principal_id or "")))


class OfOrigin(TokenAuthentication):
    verifier = VERIFIER
    origins = ("https://app.example",)


class Session(BaseAuthentication):  # type: ignore[misc]
    """Another class behind: everybody is the same."""

    def authenticate(self, request: Any) -> Any:
        return person("user-of-the-session"), None


class Account(APIView):  # type: ignore[misc]
    authentication_classes = (ByToken,)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Any) -> Any:
        proved = request.auth.principal_id if isinstance(request.auth, VerifiedIdentity) else None
        return Response({"user": request.user.pk, "proved": proved})

    post = get


def view(*classes: Any, permission: Any = IsAuthenticated) -> Any:
    return Account.as_view(authentication_classes=classes, permission_classes=[permission])


urlpatterns = [
    path("account", Account.as_view()),
    path("open", view(ByToken, permission=AllowAny)),
    path("cookie", view(ByCookie)),
    path("query", view(ByQuery)),
    path("function", view(ByFunction)),
    path("model", view(OfModel)),
    path("number", view(OfNumber)),
    path("origin", view(OfOrigin)),
    path("behind", view(ByToken, Session)),
    path("staff", view(ByToken, permission=IsAdminUser)),
    path("unset", view(TokenAuthentication)),
]


@pytest.fixture(autouse=True)
def _project() -> Any:
    EVENTS.clear()
    apps = [*settings.INSTALLED_APPS, "rest_framework"]
    with override_settings(ROOT_URLCONF=__name__, INSTALLED_APPS=apps):
        yield


Ask = Callable[..., Answer]


def ask_wsgi(path: str, *tokens: str) -> Answer:
    headers = {KEY: ",".join(tokens)} if tokens else {}  # servers make one of two
    return wsgi(WSGIHandler(), path, **headers)


def ask_asgi(path: str, *tokens: str, name: str = NAME) -> Answer:
    headers = [(name.lower().encode(), token.encode()) for token in tokens]
    headers = [(b"host", b"testserver"), *headers]
    return asyncio.run(asgi(get_asgi_application(), path, headers=headers))


@pytest.fixture(params=[ask_wsgi, ask_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_valid_token_authenticates_a_user(ask: Ask) -> None:
    for user in ("user-1", "user-2", "user-1"):
        answer = ask("/account", good(user))
        assert (answer.status, json.loads(answer.body)) == (200, {"user": user, "proved": user})
    assert [event.name for event in EVENTS] == ["verified"] * 3


def test_a_request_without_a_token_is_anonymous(ask: Ask) -> None:
    assert json.loads(ask("/open").body) == {"user": None, "proved": None}
    refused = ask("/account")
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'Countermark realm="dated", error="missing"'
    assert EVENTS == []


@pytest.mark.parametrize("path", ["/account", "/open"])
@pytest.mark.parametrize("code", BAD)
def test_an_invalid_token_is_refused_with_its_code(ask: Ask, path: str, code: str) -> None:
    refused = ask(path, *BAD[code])
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == f'Countermark realm="dated", error="{code}"'
    assert json.loads(refused.body) == {"detail": f"{REFUSALS[code].capitalize()}."}
    assert [(event.name, event.reason) for event in EVENTS] == [("refused", code)]


def test_a_header_with_underscores_is_refused_where_it_can_be_seen() -> None:
    refused = ask_asgi("/account", good(), name="X_Customer_Key")
    assert refused.headers["www-authenticate"].endswith('error="ambiguous"')


@pytest.mark.parametrize("code", BAD)
def test_the_exception_has_the_code(code: str) -> None:
    request = Request(APIRequestFactory().get("/", **{KEY: ",".join(BAD[code])}))
    with pytest.raises(AuthenticationFailed) as caught:
        ByToken().authenticate(request)
    assert caught.value.get_codes() == code


def test_an_invalid_token_is_not_passed_to_the_next_class(ask: Ask) -> None:
    assert json.loads(ask("/behind").body)["user"] == "user-of-the-session"
    assert json.loads(ask("/behind", good()).body)["user"] == "user-1"
    assert ask("/behind", "bad").status == 401


def test_users_of_a_model(ask: Ask) -> None:
    answer = ask("/model", good("user-1"))
    assert json.loads(answer.body) == {"user": "user-1", "proved": "user-1"}
    for nobody in ("user-gone", "user-inactive"):
        refused = ask("/model", good(nobody))
        assert refused.status == 401
        assert json.loads(refused.body) == {"detail": "There is no such user."}
        assert refused.headers["www-authenticate"].endswith('error="unknown_user"')


def test_a_bare_signature_is_compared_with_the_claimed_id(ask: Ask) -> None:
    client = APIClient()
    mine = {"signature": FLOW_SIGNER.sign("user-1"), "customerReference": "user-1"}
    assert client.get("/query", mine).json() == {"user": "user-1", "proved": "user-1"}
    assert client.get("/query", mine | {"customerReference": "user-2"}).status_code == 401
    signature = {"HTTP_X_SIGNATURE": FLOW_SIGNER.sign("user-1")}
    assert client.get("/function", **signature).json()["user"] == "user-1"
    signature = {"HTTP_X_SIGNATURE": FLOW_SIGNER.sign("user-2")}
    assert client.get("/function", **signature).status_code == 401


def test_a_token_in_a_cookie_needs_the_csrf_token_to_write() -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.cookies["t"] = good()
    assert client.get("/cookie").json()["user"] == "user-1"
    refused = client.post("/cookie")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]
    client.cookies["csrftoken"] = csrf = "a" * 32
    assert client.post("/cookie", HTTP_X_CSRFTOKEN=csrf).json()["user"] == "user-1"


def test_a_token_in_a_header_needs_no_csrf_token() -> None:
    client = APIClient(enforce_csrf_checks=True)
    assert client.post("/account", **{KEY: good()}).json()["user"] == "user-1"


def test_a_verified_user_has_no_permissions_in_django() -> None:
    assert APIClient().get("/staff", **{KEY: good()}).status_code == 403
    user = VerifiedUser(VERIFIER.verify(good()))
    assert user.has_perms([])
    assert not user.has_perms(["auth.change_user"])
    assert not user.has_perm("auth.change_user")
    assert (user.pk, user.id, repr(user)) == ("user-1", "user-1", "<VerifiedUser dated>")
    assert (user.is_anonymous, user.is_superuser) == (False, False)


def test_each_verified_user_is_throttled_separately() -> None:
    class Throttle(UserRateThrottle):  # type: ignore[misc]
        rate = "1/day"

    class Throttled(Account):
        throttle_classes = (Throttle,)

    def get(user: str) -> int:
        request = APIRequestFactory().get("/", **{KEY: good(user)})
        status: int = Throttled.as_view()(request).status_code
        return status

    assert [get("user-a"), get("user-a"), get("user-b")] == [200, 429, 200]


def test_model_permissions_are_refused_and_do_not_fail() -> None:
    class Model(Account):
        permission_classes = (DjangoModelPermissions,)
        queryset = type(person("user-1")).objects.none()

    statuses = [
        Model.as_view()(make("/", **{KEY: good()})).status_code
        for make in (APIRequestFactory().get, APIRequestFactory().post)
    ]
    assert statuses == [200, 403]


def test_a_class_without_a_verifier_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="subclass it with"):
        APIClient().get("/unset")
    with pytest.raises(ConfigurationError, match="subclass it with"):
        TokenAuthentication().authenticate_header(None)


def test_mistakes_show_where_a_class_is_defined() -> None:
    for body in ({"verifier": FLOW, "token": "X-Signature"}, {"verifier": "stigg"}, {"token": 7}):
        with pytest.raises(ConfigurationError):
            type("Wrong", (TokenAuthentication,), {"verifier": VERIFIER, **body})


def test_in_monitor_an_invalid_token_is_counted_and_left_to_the_next_class() -> None:
    counted: list[Verdict] = []

    class Monitored(TokenAuthentication):
        verifier = VERIFIER
        mode = "monitor"
        meter = counted.append

    def authenticate(*tokens: str) -> Any:
        given = {KEY: tokens[0]} if tokens else {}
        return Monitored().authenticate(Request(APIRequestFactory().get("/", **given)))

    assert authenticate() is None
    assert authenticate("Bearer of-nothing") is None
    assert authenticate(good())[1].principal_id == "user-1"
    assert [(verdict.code, verdict.admitted_by) for verdict in counted] == [
        ("malformed", "monitor"),
        ("verified", "token"),
    ]


def test_an_id_that_the_field_cannot_hold_is_an_unknown_user(ask: Ask) -> None:
    assert ask("/number", good("7")).status == 200
    answer = ask("/number", good("user-1"))
    assert (answer.status, answer.headers["www-authenticate"]) == (
        401,
        'Countermark realm="dated", error="unknown_user"',
    )


@pytest.mark.parametrize("origin", ["https://app.example", "https://evil.example", None])
def test_origins_count(origin: str | None) -> None:
    headers = {"HTTP_ORIGIN": origin} if origin else {}
    answer = APIClient().get("/origin", **{KEY: good("user-1")}, **headers)
    assert answer.status_code == (200 if origin == "https://app.example" else 403)


def test_a_class_may_inherit_its_verifier() -> None:
    class Shorter(ByQuery):
        claimed_id = staticmethod(lambda source: Principal("user-2"))  # type: ignore[assignment]

    request = Request(APIRequestFactory().get("/", {"signature": FLOW_SIGNER.sign("user-2")}))
    found = Shorter().authenticate(request)
    assert found is not None
    assert found[1].principal_id == "user-2"


def test_an_own_base_class_needs_no_verifier() -> None:
    class Own(TokenAuthentication):
        def get_user(self, identity: VerifiedIdentity) -> Any:
            return person("user-of-the-base")

    class Whole(Own):
        verifier = VERIFIER

    found = Whole().authenticate(Request(APIRequestFactory().get("/", **{KEY: good()})))
    assert found is not None
    assert found[0].pk == "user-of-the-base"


def test_without_rest_framework_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "countermark.django.rest_framework")
    monkeypatch.setitem(sys.modules, "rest_framework.authentication", None)
    with pytest.raises(ImportError, match=r"pip install 'countermark\[rest-framework\]'"):
        importlib.import_module("countermark.django.rest_framework")
