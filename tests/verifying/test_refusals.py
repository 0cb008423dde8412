"""Behind both protocols: what a refusal says, and what preflights are answered."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from countermark import (
    Keyring,
    Verifier,
)
from countermark.errors import REFUSALS
from countermark.verifying import Allowance, AllowedOrigins
from countermark.verifying._refusals import HINTS
from tests.conftest import SECRET, Events
from tests.verifying.protocols import (
    APP,
    ORIGIN,
    TOKEN,
    WSGI,
    Protocol,
    Tenants,
    Verdicts,
)

# What a refusal says


def test_a_refusal_is_a_problem_with_a_challenge(protocol: Protocol, events: Events) -> None:
    visit = protocol(on_event=events)
    assert visit.status == 401
    correlation = events[0].correlation
    assert str(uuid.UUID(correlation)) == correlation
    assert visit.problem["instance"] == f"urn:uuid:{correlation}"
    assert visit.problem | {"instance": None} == {
        "type": "urn:countermark:problem:missing",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The request has no token.",
        "hint": HINTS["missing"],
        "instance": None,
    }
    assert visit.headers == {
        "content-type": "application/problem+json",
        "content-length": str(len(visit.body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "www-authenticate": 'Countermark realm="stigg", error="missing"',
    }


@pytest.mark.parametrize("environment", ["live", None])
def test_no_hint_in_live_or_where_the_environment_is_not_named(
    protocol: Protocol, environment: str | None
) -> None:
    verifier = Verifier("stigg", Keyring(SECRET), environment=environment)
    assert "hint" not in protocol(verifier=verifier).problem


def test_there_is_a_hint_for_every_code() -> None:
    assert set(HINTS) == set(REFUSALS)


def test_a_refusal_by_origin_or_tenant_is_403_without_a_challenge(protocol: Protocol) -> None:
    visit = protocol(TOKEN, (b"origin", b"https://evil.example"), origins=[APP])
    assert visit.status == 403
    assert visit.problem["title"] == "Forbidden"
    assert visit.headers["vary"] == "Origin"
    assert not any(name.startswith(("www-", "access-control")) for name in visit.headers)


def test_the_page_of_an_allowed_origin_may_read_the_refusal(protocol: Protocol) -> None:
    visit = protocol(ORIGIN, origins=[APP])
    assert visit.status == 401
    assert visit.headers["vary"] == "Origin"
    assert visit.headers["access-control-allow-origin"] == APP
    assert visit.headers["access-control-allow-credentials"] == "true"
    assert visit.headers["access-control-expose-headers"] == "WWW-Authenticate"
    assert not any(name.startswith("access-control") for name in protocol(ORIGIN).headers)
    unknown = protocol(
        ORIGIN, origins=[APP], verifier=Tenants(), token="T", tenant=lambda source: None
    )
    assert unknown.headers["access-control-allow-origin"] == APP


def test_head_has_no_body(protocol: Protocol) -> None:
    visit = protocol(method="HEAD")
    assert (visit.status, visit.body) == (401, b"")
    assert int(visit.headers["content-length"]) > 0


# Preflights

ASKED = (b"access-control-request-method", b"PUT")
WANTED = (b"access-control-request-headers", b"x-customer-key, content-type")


def test_in_monitor_and_off_a_preflight_is_the_applications(protocol: Protocol) -> None:
    verdicts = Verdicts()
    for mode in ("monitor", "off", lambda question: "off"):
        visit = protocol(ORIGIN, ASKED, method="OPTIONS", mode=mode, meter=verdicts, origins=[APP])
        assert (visit.status, visit.body) == (200, b"ok")
        assert (visit.identity, visit.verdict) == (None, None)
    assert verdicts == []


def test_a_preflight_of_an_allowed_origin_gets_the_permission(
    protocol: Protocol, events: Events
) -> None:
    verdicts = Verdicts()
    visit = protocol(
        ORIGIN, ASKED, WANTED, method="OPTIONS", origins=[APP], meter=verdicts, on_event=events
    )
    assert (visit.status, visit.body, visit.reached) == (204, b"", False)
    assert visit.headers == {
        "vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        "access-control-allow-origin": APP,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "WWW-Authenticate",
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-customer-key, content-type",
    }
    assert (verdicts, events) == ([], [])


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: a=b", b"a: b", b"\xff", b'"', b"a,b;c"])
def test_invalid_values_are_not_echoed_to_a_preflight(protocol: Protocol, value: bytes) -> None:
    headers = [ORIGIN, (ASKED[0], value), (WANTED[0], value)]
    visit = protocol(*headers, method="OPTIONS", origins=[APP])
    assert visit.status == 204
    assert "access-control-allow-methods" not in visit.headers
    assert "access-control-allow-headers" not in visit.headers


def test_duplicate_headers_are_not_echoed_to_a_preflight(protocol: Protocol) -> None:
    visit = protocol(ORIGIN, ASKED, (WANTED[0], b'"'), WANTED, method="OPTIONS", origins=[APP])
    assert visit.status == 204
    assert "access-control-allow-headers" not in visit.headers


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "missing"),
        ({"origins": ["https://other.example"]}, "origin_refused"),
        ({"verifier": Tenants(), "token": "T", "tenant": lambda source: None}, "unknown_tenant"),
        (
            {
                "verifier": Tenants(),
                "token": "T",
                "tenant": lambda source: None,
                "origins": [APP],
            },
            "unknown_tenant",
        ),
        ({"origins": AllowedOrigins(["https://b.example"], null="allow")}, "missing"),
    ],
)
def test_any_other_preflight_is_refused_and_not_counted(
    protocol: Protocol, events: Events, options: dict[str, Any], code: str
) -> None:
    verdicts = Verdicts()
    origin = (b"origin", b"null") if code == "missing" else ORIGIN
    visit = protocol(
        origin, ASKED, TOKEN, method="OPTIONS", meter=verdicts, on_event=events,
        allowance=Allowance(9), **options,
    )  # fmt: skip
    assert (visit.reached, visit.code) == (False, code)
    assert verdicts == []
    assert [(event.name, event.reason) for event in events] == [("refused", code)]


@pytest.mark.parametrize(
    "headers", [[ORIGIN], [ASKED], [], [ORIGIN, ORIGIN, ASKED], [ORIGIN, ASKED, ASKED]]
)
def test_other_options_requests_need_a_token(protocol: Protocol, headers: Any) -> None:
    assert protocol(*headers, method="OPTIONS", mode="enforce").status == 401
    if len(headers) < 2:
        assert protocol(*headers, TOKEN, method="OPTIONS").status == 200
    assert protocol(ORIGIN, ASKED, method="GET", origins=[APP]).status == 401
    assert protocol(ORIGIN, ASKED, TOKEN, method="GET", origins=[APP]).status == 200


def test_two_origins_make_no_preflight(protocol: Protocol) -> None:
    visit = protocol(ORIGIN, ORIGIN, ASKED, method="OPTIONS", mode="monitor")
    # WSGI shows them as one.
    assert (visit.verdict is None) == (protocol is WSGI)
    assert not protocol(ORIGIN, ORIGIN, ASKED, method="OPTIONS", origins=[APP]).reached
