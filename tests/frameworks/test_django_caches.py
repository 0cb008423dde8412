"""Behind Django's own caches, in any order of middleware, nobody gets another's token."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest

from tests.frameworks.cases import Response, signers
from tests.frameworks.django_project import start
from tests.frameworks.driver_django import RESOLVER, cookie, wsgi

start()

from django.core.cache import cache  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.test import override_settings  # noqa: E402

from countermark.django._checks import (  # noqa: E402
    AUTHENTICATION,
    CONDITIONAL_GET,
    MIDDLEWARE,
    SESSION,
    UPDATE_CACHE,
    check_settings,
)
from tests.frameworks.django_project import settings  # noqa: E402

FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
ORDERS = [
    order
    for order in permutations([UPDATE_CACHE, SESSION, AUTHENTICATION, MIDDLEWARE, FETCH])
    if order.index(SESSION) < order.index(AUTHENTICATION)  # else Django itself refuses
]
NAMES = {order: "-".join(path.rpartition(".")[2][:7] for path in order) for order in ORDERS}
PATHS = ["/page", "/plain", "/cached", "/cached-plain", "/public", "/public-read", "/signatures"]
STIGG = signers()[0]
TOKENS = {user: STIGG.sign(user) for user in ("user-1", "user-2")}
TURNS = [None, "user-1", "user-2", None, "user-1", "user-2", "user-2", "user-1", None]


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def tokens_in(response: Response) -> set[str]:
    text = response.body + " ".join(response.headers.values())
    return {user for user, token in TOKENS.items() if token in text}


@pytest.mark.parametrize("order", ORDERS, ids=NAMES.get)
@pytest.mark.parametrize("cache_control", ["private", "no-store"])
def test_tokens_never_mix(order: tuple[str, ...], cache_control: str) -> None:
    plain = wsgi(WSGIHandler(), "/plain")
    assert tokens_in(plain) == set()
    sessions: dict[str | None, str] = {None: ""}
    sessions |= {user: cookie(wsgi(WSGIHandler(), f"/in/{user}")) for user in TOKENS}
    given = {**settings.COUNTERMARK, "CACHE_CONTROL": cache_control}
    with override_settings(MIDDLEWARE=list(order), COUNTERMARK=given):
        passes = not check_settings()
        handler = WSGIHandler()
        for path in PATHS:
            for user in TURNS:
                response = wsgi(handler, path, HTTP_COOKIE=sessions[user])
                assert tokens_in(response) <= {user}, path
                if passes and path in {"/page", "/plain", "/signatures"}:
                    assert tokens_in(response) == {user} - {None}, path


def test_some_orders_pass_the_checks_and_some_do_not() -> None:
    passing = 0
    for order in ORDERS:
        with override_settings(MIDDLEWARE=list(order)):
            passing += not check_settings()
    assert 0 < passing < len(ORDERS)


@pytest.mark.parametrize("order", ORDERS, ids=NAMES.get)
def test_tokens_never_mix_where_users_change_and_the_cookie_does_not(
    order: tuple[str, ...],
) -> None:
    given = {**settings.COUNTERMARK, "RESOLVER": RESOLVER, "VARY": []}
    with override_settings(MIDDLEWARE=list(order), COUNTERMARK=given):
        handler = WSGIHandler()
        for path in PATHS:
            for user in TURNS[1:]:
                response = wsgi(handler, path, **{"tests.principal": user})
                assert tokens_in(response) <= {user}, path


def test_pages_for_everybody_are_still_cached() -> None:
    order = [UPDATE_CACHE, SESSION, AUTHENTICATION, MIDDLEWARE, FETCH]
    calls: list[int] = []
    with override_settings(MIDDLEWARE=order):
        handler = WSGIHandler()
        for _ in range(3):
            wsgi(handler, "/counted", **{"tests.calls": calls})
    assert len(calls) == 1


@pytest.mark.parametrize("first", [True, False], ids=["outside", "inside"])
def test_an_etag_and_a_token_never_meet_if_the_checks_are_heeded(first: bool) -> None:
    session = cookie(wsgi(WSGIHandler(), "/in/user-1"))
    order = [*settings.MIDDLEWARE]
    order.insert(0 if first else len(order), CONDITIONAL_GET)
    given = {**settings.COUNTERMARK, "CACHE_CONTROL": "no-store"}
    with override_settings(MIDDLEWARE=order, COUNTERMARK=given):
        response = wsgi(WSGIHandler(), "/plain", HTTP_COOKIE=session)
        messages: Any = check_settings()
    assert ("etag" in response.headers) is not first
    assert ("stigg-customer-token" in response.headers) is first
    assert [message.id for message in messages] == ([] if first else ["countermark.W005"])


def test_the_endpoint_is_kept_out_of_caches_whatever_it_says() -> None:
    from django.test import RequestFactory

    from countermark.django._views import signatures
    from countermark.django.middleware import SigningMiddleware

    request = RequestFactory().get("/")
    SigningMiddleware(signatures)(request)
    assert request._cache_update_cache is False
