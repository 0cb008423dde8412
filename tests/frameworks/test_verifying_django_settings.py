"""Verifying in Django by the setting COUNTERMARK_VERIFYING and a middleware."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from countermark import ConfigurationError, Keyring, Verdict, Verifier
from countermark.verifying import Allowance, from_query
from tests.frameworks.django_project import start
from tests.frameworks.tokens import BAD, NAME, VERIFIER, good

start()

from django.http import HttpResponse  # noqa: E402
from django.test import AsyncClient, Client, override_settings  # noqa: E402
from django.urls import path  # noqa: E402

from countermark.django import _checks, _verifying_conf, verified_identity_from  # noqa: E402

MIDDLEWARE = ["countermark.django.verifying.VerifyingMiddleware"]
KEY = "HTTP_" + NAME.upper().replace("-", "_")
SECRET = "a-secret-of-the-tests-with-enough-bytes"
counted: list[Verdict] = []


def page(request: Any) -> Any:
    identity = verified_identity_from(request)
    assert identity is request.countermark_verified_identity
    return HttpResponse("anonymous" if identity is None else identity.principal_id)


async def async_page(request: Any) -> Any:
    return page(request)


urlpatterns = [path("page", page), path("async", async_page)]


def count(verdict: Verdict) -> None:
    counted.append(verdict)


def by_tenant(tenant: str) -> Verifier | None:
    return VERIFIER if tenant == "acme" else None


def tenant_of(source: Any) -> str:
    return "acme"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    counted.clear()
    yield
    _verifying_conf.current.cache_clear()


def setting(**changes: Any) -> Any:
    given: Any = {"VERIFIER": VERIFIER, "MODE": "enforce"} | changes
    return override_settings(
        ROOT_URLCONF=__name__, MIDDLEWARE=MIDDLEWARE, COUNTERMARK_VERIFYING=given
    )


def get(url: str = "/page", *tokens: str, method: str = "get", **headers: Any) -> Any:
    given = {KEY: tokens[0]} if tokens else {}
    return getattr(Client(), method)(url, **given, **headers)


def aget(url: str, *tokens: str, method: str = "get", **headers: str) -> Any:
    given = {NAME: tokens[0]} if tokens else {}
    return asyncio.run(getattr(AsyncClient(), method)(url, headers=given | headers))


@pytest.mark.parametrize("ask", [get, aget])
@pytest.mark.parametrize("url", ["/page", "/async"])
def test_only_a_request_with_a_valid_token_reaches_the_view(ask: Any, url: str) -> None:
    with setting():
        assert ask(url, good("user-1")).content == b"user-1"
        for code in ("missing", *BAD):
            refused = ask(url, *BAD.get(code, [])[:1])
            if len(BAD.get(code, [])) < 2:  # a client of the tests sends a header once
                assert refused.status_code == 401
                assert json.loads(refused.content)["type"] == f"urn:countermark:problem:{code}"


@pytest.mark.parametrize("ask", [get, aget])
def test_in_monitor_every_request_reaches_the_view_and_is_counted(ask: Any) -> None:
    with setting(MODE="monitor", METER=counted.append):
        assert ask("/page").content == b"anonymous"
        assert ask("/page", good("user-2")).content == b"user-2"
    assert [verdict.code for verdict in counted] == ["missing", "verified"]


@pytest.mark.parametrize("ask", [get, aget])
def test_preflights_are_answered_for_allowed_origins(ask: Any) -> None:
    origin = "https://app.example"
    with setting(ORIGINS=[origin]):
        for asking, status in ((origin, 204), ("https://else.example", 403)):
            if ask is get:
                headers = {"HTTP_ORIGIN": asking, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET"}
            else:
                headers = {"origin": asking, "access-control-request-method": "GET"}
            assert ask("/page", method="options", **headers).status_code == status


def test_the_name_of_a_scheme_is_enough_for_a_verifier() -> None:
    wanted: tuple[Any, ...] = (
        "stigg",
        {"stigg": {}},
        {"stigg": {"variable": "STIGG_SIGNING_SECRET"}},
    )
    for given in wanted:
        with setting(VERIFIER=given):
            assert _verifying_conf.current().scheme == "stigg"
    with setting(VERIFIER={"stigg": {"keyring": Keyring(SECRET), "environment": "test"}}):
        assert _verifying_conf.current().scheme == "stigg"


def test_options_may_be_dotted_paths() -> None:
    here = __name__
    with setting(
        VERIFIER=f"{here}.by_tenant", TENANT=f"{here}.tenant_of", TOKEN=NAME,
        METER=f"{here}.count",
    ):  # fmt: skip
        assert get("/page", good("user-3")).content == b"user-3"
    assert counted[0].tenant == "acme"


def test_a_claimed_id_and_an_allowance() -> None:
    with setting(
        VERIFIER={"cognito-flow": {"keyring": Keyring("flow-secret-of-the-tests-with-32-bytes")}},
        TOKEN=from_query("signature"),
        CLAIMED_ID=from_query("customerReference"),
        ALLOWANCE=Allowance(1),
    ):
        assert get("/page").content == b"anonymous"
        assert get("/page").status_code == 401


WRONG: list[tuple[str, Any]] = [
    ("E001", None),
    ("E001", {"MODE": "enforce"}),
    ("E001", {"VERIFIER": "stigg"}),
    ("E001", {"VERIFIER": "stigg", "MODE": "enforce", "PRINCIPAL": 7}),
    ("E001", {"VERIFIER": 7, "MODE": "enforce"}),
    ("E001", {"VERIFIER": {"stigg": {}, "intercom": {}}, "MODE": "enforce"}),
    ("E001", {"VERIFIER": {"stigg": 7}, "MODE": "enforce"}),
    ("E001", {"VERIFIER": {"stigg": {"header": "X-Token"}}, "MODE": "enforce"}),
    (
        "E001",
        {
            "VERIFIER": {"stigg": {"variable": "A", "keyring": Keyring(SECRET)}},
            "MODE": "enforce",
        },
    ),
    ("E002", {"VERIFIER": "sttigg", "MODE": "enforce"}),
    ("E002", {"VERIFIER": {7: {}}, "MODE": "enforce"}),
    ("E003", {"VERIFIER": {"stigg": {"variable": "NOT_SET"}}, "MODE": "enforce"}),
    ("E004", {"VERIFIER": "stigg", "MODE": "nowhere.mode"}),
    ("E005", {"VERIFIER": "stigg", "MODE": "enforced"}),
]


@pytest.mark.parametrize(("code", "given"), WRONG)
def test_a_mistake_is_an_error_of_the_check_and_stops_the_start(code: str, given: Any) -> None:
    with override_settings(
        MIDDLEWARE=MIDDLEWARE, COUNTERMARK_VERIFYING=given, ROOT_URLCONF=__name__
    ):
        found = [message.id for message in _checks.check_settings()]
        assert f"countermark.{code}" in found
        with pytest.raises(ConfigurationError, match="COUNTERMARK_VERIFYING: "):
            get()


def ids(**changes: Any) -> list[str]:
    with override_settings(**changes):
        return sorted(message.id for message in _checks.check_settings())


def test_the_check_reports_the_place_of_the_middleware() -> None:
    cache = "django.middleware.cache.FetchFromCacheMiddleware"
    verifying = {"VERIFIER": VERIFIER, "MODE": "enforce"}
    assert "countermark.W011" in ids(COUNTERMARK_VERIFYING=verifying)
    inside = {"MIDDLEWARE": [*MIDDLEWARE, cache], "COUNTERMARK_VERIFYING": verifying}
    assert not {"countermark.W011", "countermark.W012"} & set(ids(**inside))
    outside = {"MIDDLEWARE": [cache, *MIDDLEWARE], "COUNTERMARK_VERIFYING": verifying}
    assert "countermark.W012" in ids(**outside)


def test_a_service_that_only_verifies_needs_no_signing_setting() -> None:
    from django.conf import settings

    with setting():
        del settings.COUNTERMARK
        assert ids() == []
