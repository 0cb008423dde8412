"""The current user's endpoint, under both protocols."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from countermark import ConfigurationError, Principal, Signer
from countermark import asgi as asgi_side
from countermark import wsgi as wsgi_side
from tests.drivers import asend, call, http_scope, request

USER = "user-1"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


Ask = Callable[..., Answer]


def ask_asgi(signer: Signer, principal: Any, method: str) -> Answer:
    app = asgi_side.SigningMiddleware(
        asgi_side.SignaturesEndpoint(), signers=signer, principal=principal
    )
    start, *body = asyncio.run(asend(app, http_scope(method=method, query_string=b"id=user-2")))
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(message["body"] for message in body))


def ask_wsgi(signer: Signer, principal: Any, method: str) -> Answer:
    app = wsgi_side.SigningMiddleware(
        wsgi_side.SignaturesEndpoint(), signers=signer, principal=principal
    )
    answer = call(app, REQUEST_METHOD=method, QUERY_STRING="id=user-2")
    headers = {name.lower(): value for name, value in answer.headers}
    return Answer(int(answer.starts[0][0][:3]), headers, b"".join(answer.body))


@pytest.fixture(params=[ask_asgi, ask_wsgi])
def ask(request: pytest.FixtureRequest, stigg: Signer) -> Ask:
    def ask(principal: Any, method: str = "GET") -> Answer:
        resolver = principal if callable(principal) else lambda source: principal
        answer: Answer = request.param(stigg, resolver, method)
        assert answer.headers["cache-control"].startswith("no-store")
        assert answer.headers["vary"] == "Cookie, Authorization"
        assert answer.headers["x-content-type-options"] == "nosniff"
        if method != "HEAD":
            assert int(answer.headers["content-length"]) == len(answer.body)
        return answer

    return ask


def test_a_signed_in_user_gets_the_payload(ask: Ask, stigg: Signer) -> None:
    answer = ask(USER)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == {
        "marker": stigg.marker(f"id\n{USER}\n\n"),
        "stigg": {"customerId": USER, "customerToken": stigg.sign(USER)},
    }


def test_an_async_resolver_is_loaded(ask: Ask) -> None:
    async def resolve(source: Any) -> str:
        return USER

    assert json.loads(ask(resolve).body)["stigg"]["customerId"] == USER


def test_an_anonymous_request_gets_a_problem(ask: Ask) -> None:
    answer = ask(None)
    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Session"
    assert json.loads(answer.body) == {
        "type": "urn:countermark:problem:anonymous",
        "title": "Unauthorized",
        "status": 401,
        "detail": "No user is signed in.",
    }


def test_a_failed_lookup_is_not_reported_as_anonymous(ask: Ask) -> None:
    def resolve(source: Any) -> str:
        raise ConnectionError

    answer = ask(resolve)
    assert answer.status == 503
    assert json.loads(answer.body)["type"] == "urn:countermark:problem:principal_unknown"


def test_an_impersonated_user_gets_no_signatures(ask: Ask) -> None:
    answer = ask(Principal(USER, actor="staff-1"))
    assert (answer.status, answer.body) == (200, b"{}")


def test_head_responds_like_get_without_the_body(ask: Ask) -> None:
    for principal in (USER, None):
        get, head = ask(principal), ask(principal, "HEAD")
        assert head == get._replace(body=b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_not_allowed(ask: Ask, method: str) -> None:
    answer = ask(USER, method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert json.loads(answer.body)["status"] == 405


def test_websockets_are_closed_and_other_scopes_ignored() -> None:
    endpoint = asgi_side.SignaturesEndpoint()
    assert request(endpoint, http_scope(type="websocket")) == [{"type": "websocket.close"}]
    assert request(endpoint, {"type": "lifespan"}) == []


def test_the_error_without_a_middleware_names_it() -> None:
    with pytest.raises(ConfigurationError, match="put SigningMiddleware around"):
        request(asgi_side.SignaturesEndpoint())
    with pytest.raises(ConfigurationError, match="put SigningMiddleware around"):
        call(wsgi_side.SignaturesEndpoint())
