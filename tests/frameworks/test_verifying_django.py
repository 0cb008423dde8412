"""Verifying around Django, under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from countermark import ConfigurationError, asgi, wsgi
from countermark.verifying import from_query
from tests.frameworks.cases import Response
from tests.frameworks.django_project import start
from tests.frameworks.driver_django import asgi as ask_application_asgi
from tests.frameworks.driver_django import wsgi as ask_application_wsgi
from tests.frameworks.tokens import BAD, FLOW, FLOW_SIGNER, NAME, VERIFIER, good

start()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import AsyncClient, Client, override_settings  # noqa: E402
from django.urls import path  # noqa: E402

from countermark.django import verified_identity_from  # noqa: E402


def account(request: Any, id: str) -> Any:
    identity = verified_identity_from(request)
    if identity is None:
        return HttpResponse("nobody")
    return HttpResponse(id, status=200 if identity.principal_id == id else 403)


async def aaccount(request: Any, id: str) -> Any:
    return account(request, id)


urlpatterns = [path("accounts/<id>", account), path("async/<id>", aaccount)]

Ask = Callable[..., Response]


def ask_wsgi(path: str, *tokens: str, **options: Any) -> Response:
    given: dict[str, Any] = {"verifier": VERIFIER, "mode": "enforce"} | options
    application = wsgi.VerifyingMiddleware(WSGIHandler(), **given)
    # Servers make one of two.
    headers = {"HTTP_X_CUSTOMER_KEY": ",".join(tokens)} if tokens else {}
    return ask_application_wsgi(_Closing(application), path, **headers)


class _Closing:
    """Gives an own answer of the middleware, a list, the ``close`` that servers need not find."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: Any, start_response: Any) -> Any:
        body = self._application(environ, start_response)
        return HttpResponse(body) if isinstance(body, list) else body


def ask_asgi(path: str, *tokens: str, **options: Any) -> Response:
    given: dict[str, Any] = {"verifier": VERIFIER, "mode": "enforce"} | options
    application = asgi.VerifyingMiddleware(get_asgi_application(), **given)
    name, _, query = path.partition("?")
    headers = [(NAME.lower().encode(), token.encode()) for token in tokens]
    return asyncio.run(
        ask_application_asgi(
            application,
            name,
            headers=[(b"host", b"testserver"), *headers],
            query_string=query.encode(),
        )
    )


@pytest.fixture(params=[ask_wsgi, ask_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Any:
    with override_settings(ROOT_URLCONF=__name__):
        yield request.param


@pytest.mark.parametrize("view", ["accounts", "async"])
def test_two_users_see_their_own_pages(ask: Ask, view: str) -> None:
    for mine, other in (("user-1", "user-2"), ("user-2", "user-1")) * 2:
        assert ask(f"/{view}/{mine}", good(mine)).body == mine
        assert ask(f"/{view}/{mine}", good(other)).status == 403


@pytest.mark.parametrize("code", ["missing", *BAD])
def test_any_other_token_is_refused_with_its_code(ask: Ask, code: str) -> None:
    refused = ask("/accounts/user-1", *BAD.get(code, []))
    assert refused.status == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert json.loads(refused.body)["type"] == f"urn:countermark:problem:{code}"


@pytest.mark.parametrize("code", ["missing", *BAD])
def test_in_monitor_an_invalid_token_verifies_no_request(ask: Ask, code: str) -> None:
    assert ask("/accounts/user-1", *BAD.get(code, []), mode="monitor").body == "nobody"


def test_a_signature_in_the_query(ask: Ask) -> None:
    options: Any = {
        "verifier": FLOW,
        "token": from_query("signature"),
        "claimed_id": from_query("customerReference"),
    }
    token = FLOW_SIGNER.sign("user-1").replace("+", "%2B")
    query = f"signature={token}&customerReference=user-1"
    assert ask(f"/accounts/user-1?{query}", **options).body == "user-1"
    assert ask(f"/accounts/user-1?{query}x", **options).status == 401


def test_without_the_middleware_it_says_what_to_do() -> None:
    with override_settings(ROOT_URLCONF=__name__):
        with pytest.raises(ConfigurationError, match="this request has not been verified; put"):
            Client().get("/accounts/user-1")
        with pytest.raises(ConfigurationError, match="this request has not been verified; put"):
            asyncio.run(AsyncClient().get("/accounts/user-1"))


def test_no_header_can_say_that_a_request_is_verified() -> None:
    forged = {"countermark.verified_identity": "user-1", "COUNTERMARK_VERIFIED_IDENTITY": "user-1"}
    with (
        override_settings(ROOT_URLCONF=__name__),
        pytest.raises(ConfigurationError),
    ):
        Client().get("/accounts/user-1", headers=forged)
