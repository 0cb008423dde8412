"""The same behind both protocols: each code, who gets in, what a refusal says."""

from __future__ import annotations

import json
import logging
import uuid
from functools import partial
from typing import Any

import pytest

from countermark import (
    BadToken,
    ConfigurationError,
    Event,
    Keyring,
    Principal,
    Scheme,
    SecretKey,
    Signer,
    StoreUnavailable,
    Verifier,
    asgi,
    wsgi,
)
from countermark.allowance import Allowance
from countermark.credentials import from_cookie, from_header, from_query
from countermark.enforcement import allowance_group
from countermark.errors import REFUSALS
from countermark.modes import Question
from countermark.origins import AllowedOrigins
from countermark.refusal import HINTS
from countermark.tenants import TenantCache
from tests.conftest import SECRET, Events
from tests.drivers import answer, wsgi_answer
from tests.verifying import (
    ASGI,
    FLOW_SIGNER,
    FLOW_VERIFIER,
    GOOD,
    HEADER,
    SIGNER,
    VERIFIER,
    WSGI,
    Protocol,
    Verdicts,
)

APP = "https://app.example"
ORIGIN = (b"origin", APP.encode())
TOKEN = (HEADER, GOOD.encode())
OTHER = "another-secret-of-the-tests-with-enough-bytes"
OLD = "an-older-secret-of-the-tests-with-enough-bytes"


@pytest.fixture(params=[ASGI, WSGI], ids=["asgi", "wsgi"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    chosen: Protocol = request.param
    return chosen


def stigg(id: str = "user-1", secret: str = SECRET) -> tuple[bytes, bytes]:
    return HEADER, Signer("stigg", Keyring(secret)).sign(id).encode("latin-1")


DATED = Scheme.from_mapping(
    {
        "slug": "dated",
        "mac": {"algorithm": "sha256", "message": "{id}.{now:s}", "encoding": "hex"},
        "token": {"template": "{id}.{now:s}.{mac}"},
    }
)


def dated(now: float) -> Verifier:
    return Verifier(DATED, Keyring(SECRET), max_age=60, leeway=0, clock=lambda: now)


# Verified


@pytest.mark.parametrize("mode", ["enforce", "monitor"])
def test_a_good_token_gets_in_and_says_whose_it_is(protocol: Protocol, mode: str) -> None:
    visit = protocol(TOKEN, mode=mode)
    assert (visit.status, visit.body, visit.headers) == (200, b"ok", {})
    assert visit.identity is not None
    assert visit.verdict is not None
    assert visit.identity.principal_id == visit.verdict.claimed_id == "user-1"
    assert visit.verdict.identity is visit.identity
    assert (visit.verdict.code, visit.verdict.let_in_by) == ("verified", "token")
    assert (visit.verdict.role, visit.verdict.mode) == ("current", mode)
    assert visit.verdict.key_id == visit.identity.key_id
    assert (visit.verdict.scheme, visit.verdict.environment) == ("stigg", "test")
    assert visit.verdict.correlation_id is None


@pytest.mark.parametrize("id", ["a,b", "HMAC-SHA256 a:b,HMAC-SHA256 c:d"])
def test_an_id_may_hold_a_comma(protocol: Protocol, id: str) -> None:
    visit = protocol(stigg(id))
    assert visit.identity is not None
    assert visit.identity.principal_id == id


def test_a_bare_signature_with_its_id_from_the_query(protocol: Protocol) -> None:
    options: dict[str, Any] = {
        "verifier": FLOW_VERIFIER,
        "token": from_query("signature"),
        "principal": from_query("customerReference"),
    }
    signature = FLOW_SIGNER.sign("user-1").replace("+", "%2B").replace("=", "%3D")
    query = f"customerReference=user-1&signature={signature}".encode()
    visit = protocol(query=query, **options)
    assert visit.identity is not None
    assert visit.identity.principal_id == "user-1"
    for wrong in (
        query.replace(b"user-1", b"user-2"),
        query.replace(b"customerReference=user-1", b""),
        query.replace(b"user-1", b"user-1%0A"),
    ):
        assert not protocol(query=wrong, **options).reached
    assert protocol(query=query + b"&customerReference=user-1", **options).code == "ambiguous"


def test_a_token_in_a_cookie_and_an_id_that_the_application_knows(protocol: Protocol) -> None:
    options: dict[str, Any] = {"token": from_cookie("token")}
    cookie = (b"cookie", f"a=b; token={GOOD}".encode())
    assert protocol(cookie, **options).status == 200
    assert protocol(cookie, **options, principal=lambda source: "user-1").status == 200
    assert protocol(cookie, **options, principal=lambda source: Principal("user-1")).status == 200


def test_a_token_for_somebody_else_or_for_nobody_is_a_mismatch(protocol: Protocol) -> None:
    for principal in ("user-2", None):
        visit = protocol(TOKEN, principal=lambda source, who=principal: who)
        assert visit.code == "mismatch"


# Each code


def test_missing(protocol: Protocol) -> None:
    assert protocol().code == "missing"
    assert protocol((HEADER, b"")).code == "missing"
    assert protocol((b"authorization", GOOD.encode())).code == "missing"


@pytest.mark.parametrize(
    "token",
    [
        b"HMAC-SHA256 user-1:",
        b" ",
        b"x" * 65536,
        b"\xff\xfe",
        "HMAC-SHA256 ü:".encode() + b"0" * 64,
        GOOD.encode() + b"\xc3",
        GOOD.encode().upper(),
        b"\x00",
        GOOD.encode() + b"\n",
    ],
)
def test_malformed(protocol: Protocol, token: bytes) -> None:
    assert protocol((HEADER, token)).code == "malformed"


def test_mismatch(protocol: Protocol) -> None:
    assert protocol(stigg(secret=OTHER)).code == "mismatch"
    assert protocol((HEADER, GOOD.replace("user-1", "user-2").encode())).code == "mismatch"


@pytest.mark.parametrize("name", [b"x-customer-key", b"X-CUSTOMER-KEY", b"X_CUSTOMER_KEY"])
@pytest.mark.parametrize("other", [GOOD.encode(), b"evil", b"", stigg("user-2", OTHER)[1]])
def test_ambiguous(protocol: Protocol, name: bytes, other: bytes) -> None:
    """The attacker's favourite: one header for each of two programs."""
    for headers in ([TOKEN, (name, other)], [(name, other), TOKEN]):
        assert protocol(*headers).code == "ambiguous"


def test_a_header_with_underscores_alone_is_ambiguous_where_that_shows() -> None:
    assert ASGI((b"x_customer_key", GOOD.encode())).code == "ambiguous"
    # WSGI cannot tell; and a good token is good.
    assert WSGI((b"x_customer_key", GOOD.encode())).code == "verified"


def test_a_comma_makes_a_bad_value_ambiguous_where_servers_fold(protocol: Protocol) -> None:
    for headers in ([(HEADER, b"a, b")], [(HEADER, GOOD.encode() + b",")]):
        assert protocol(*headers).code == "ambiguous"
    by_id: dict[str, Any] = {
        "verifier": FLOW_VERIFIER,
        "token": "X-Signature",
        "principal": from_header("X-Id"),
    }
    signature = (b"x-signature", FLOW_SIGNER.sign("user-1").encode())
    assert protocol(signature, (b"x-id", b"user-1,user-2"), **by_id).code == "ambiguous"
    assert protocol(signature, (b"x-id", b"user-2"), **by_id).code == "mismatch"
    assert protocol(query=b"t=a,b", token=from_query("t")).code == "malformed"
    by_function = {**by_id, "principal": lambda source: "user-1,user-2"}
    assert protocol(signature, **by_function).code == "mismatch"


@pytest.mark.parametrize(
    ("now", "code"), [(1050, "verified"), (1061, "expired"), (999, "not_yet_valid")]
)
def test_expired_and_not_yet_valid(protocol: Protocol, now: float, code: str) -> None:
    token = Signer(DATED, Keyring(SECRET), clock=lambda: 1000).sign("user-1")
    visit = protocol((HEADER, token.encode()), verifier=dated(now), token="X-Customer-Key")
    assert visit.code == code


def test_retired_key(protocol: Protocol) -> None:
    ended = SecretKey(OLD, until=1000)
    ring = Keyring(SECRET, previous=ended)
    assert protocol(stigg(secret=OLD), verifier=Verifier("stigg", ring)).code == "retired_key"
    before = Verifier("stigg", ring, clock=lambda: 999)
    visit = protocol(stigg(secret=OLD), verifier=before)
    assert visit.verdict is not None
    assert (visit.code, visit.verdict.role) == ("verified", "previous")


def test_wrong_environment(protocol: Protocol) -> None:
    verifier = Verifier(
        "stigg", Keyring(SECRET), environment="live", other_environments={"test": Keyring(OTHER)}
    )
    assert protocol(stigg(secret=OTHER), verifier=verifier).code == "wrong_environment"


def test_origin_refused_comes_before_the_token(protocol: Protocol) -> None:
    for token in (TOKEN, stigg(secret=OTHER)):
        visit = protocol(token, (b"origin", b"https://evil.example"), origins=[APP])
        assert visit.code == "origin_refused"
    visit = protocol(TOKEN, ORIGIN, origins=[APP])
    assert visit.verdict is not None
    assert (visit.code, visit.verdict.origin) == ("verified", APP)
    assert protocol(TOKEN, ORIGIN, ORIGIN, origins=[APP]).code == "origin_refused"
    lenient = AllowedOrigins([APP], missing="allow")
    assert protocol(TOKEN, origins=lenient).code == "verified"
    assert protocol(origins=lenient).code == "missing"


class Tenants:
    """Two tenants with keys of their own, by the host that was asked."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.keys = {"acme": SECRET, "umbrella": OTHER}

    def __call__(self, tenant: str) -> Verifier | None:
        self.loaded.append(tenant)
        if tenant == "broken":
            raise OSError(tenant)
        if tenant == "odd":
            return "stigg"  # type: ignore[return-value]
        if tenant == "bare":
            return FLOW_VERIFIER
        if tenant not in self.keys:
            return None
        return Verifier("stigg", Keyring(self.keys[tenant]), environment="test")


def test_each_tenant_has_its_own_verifier(protocol: Protocol) -> None:
    tenants = Tenants()
    options: dict[str, Any] = {
        "verifier": tenants, "token": "X-Customer-Key", "tenant": from_header("X-Tenant")
    }  # fmt: skip
    for _ in range(2):
        for tenant, secret in tenants.keys.items():
            visit = protocol(stigg(secret=secret), (b"x-tenant", tenant.encode()), **options)
            assert visit.verdict is not None
            assert (visit.code, visit.verdict.tenant) == ("verified", tenant)
            assert visit.identity is not None
            assert visit.identity.tenant == tenant
        visit = protocol(stigg(secret=OTHER), (b"x-tenant", b"acme"), **options)
        assert visit.code == "mismatch"


def test_a_tenants_verifier_is_loaded_once() -> None:
    tenants = Tenants()
    seen: list[Any] = []
    middleware = wsgi.VerifyingMiddleware(
        wsgi_answer(before=lambda environ: seen.append(environ[wsgi.VERDICT_KEY].code)),
        verifier=tenants,
        token="X-Customer-Key",
        tenant=lambda environ: "acme",
        mode="enforce",
    )
    for _ in range(3):
        middleware(WSGI.source([TOKEN]), lambda *_: None)  # type: ignore[arg-type]
    assert seen == ["verified"] * 3
    assert tenants.loaded == ["acme"]


def test_a_tenants_verifier_is_asked_for_again_after_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key that was taken away, and a tenant who has gone, are not good for ever."""
    now, tenants = [0.0], Tenants()
    cache = partial(TenantCache, clock=lambda: now[0])
    monkeypatch.setattr("countermark.verifiers.TenantCache", cache)
    middleware = wsgi.VerifyingMiddleware(
        wsgi_answer(),
        verifier=tenants,
        token="X-Customer-Key",
        tenant=lambda environ: "acme",
        mode="enforce",
    )

    def status() -> str:
        got: list[str] = []
        start: Any = lambda status, headers: got.append(status)  # noqa: E731
        middleware(WSGI.source([TOKEN]), start)
        return got[0][:3]

    assert status() == "200"
    tenants.keys["acme"] = OTHER
    now[0] = 59.9
    assert status() == "200"
    now[0] = 60
    assert status() == "401"
    del tenants.keys["acme"]
    now[0] = 120
    assert status() == "403"


def test_tenants_who_are_not_known_push_out_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countermark.tenants.MAX_TENANTS", 1)
    tenants = Tenants()
    middleware = wsgi.VerifyingMiddleware(
        wsgi_answer(),
        verifier=tenants,
        token="X-Customer-Key",
        tenant=from_header("X-Tenant"),
        mode="monitor",
    )
    for tenant in (b"acme", b"nobody", b"else", b"acme"):
        middleware(WSGI.source([TOKEN, (b"x-tenant", tenant)]), lambda *_: None)  # type: ignore[arg-type]
    assert tenants.loaded == ["acme", "nobody", "else"]


@pytest.mark.parametrize(
    ("tenant", "error"),
    [
        ("nobody", None),
        (None, None),
        ("", None),
        ("a\nb", None),
        (True, "InvalidPrincipal"),
        (["acme"], "InvalidPrincipal"),
        ("broken", "OSError"),
        ("odd", "ConfigurationError"),
        ("bare", "ConfigurationError"),
    ],
)
def test_unknown_tenant(protocol: Protocol, events: Events, tenant: Any, error: str | None) -> None:
    visit = protocol(
        TOKEN, verifier=Tenants(), token="X-Customer-Key", tenant=lambda source: tenant,
        on_event=events,
    )  # fmt: skip
    assert (visit.code, visit.status) == ("unknown_tenant", 403)
    failed = [(event.reason, event.error) for event in events.named("failed")]
    assert failed == ([] if error is None else [("tenant_raised", error)])


def test_a_tenant_that_comes_twice_or_cannot_be_told_is_unknown(
    protocol: Protocol, events: Events
) -> None:
    def raises(source: Any) -> str:
        raise KeyError("somebody")

    twice = [(b"x-tenant", b"acme")] * 2
    for verifier in (Tenants(), VERIFIER):
        options: dict[str, Any] = {"verifier": verifier, "token": "X-Customer-Key"}
        assert protocol(TOKEN, tenant=raises, **options).code == "unknown_tenant"
    visit = protocol(
        TOKEN, *twice, verifier=Tenants(), token="X-Customer-Key", tenant=from_header("X-Tenant")
    )
    assert visit.code == "unknown_tenant"


def test_with_one_verifier_for_all_a_tenant_is_only_noted(protocol: Protocol) -> None:
    for tenant, noted in (("acme", "acme"), (7, "7"), (None, None)):
        visit = protocol(TOKEN, tenant=lambda source, of=tenant: of)
        assert visit.verdict is not None
        assert (visit.code, visit.verdict.tenant) == ("verified", noted)
    # An allowance and a meter count by it, so it must be text that can be one.
    for odd in ("a\nb", "", True, object()):
        assert protocol(TOKEN, tenant=lambda source, of=odd: of).code == "unknown_tenant"


def test_a_tenant_of_this_machines_pages_must_not_be_live(
    protocol: Protocol, events: Events
) -> None:
    def load(tenant: str) -> Verifier:
        return Verifier("stigg", Keyring(SECRET), environment=tenant)

    options: dict[str, Any] = {
        "verifier": load, "token": "X-Customer-Key", "origins": ["http://localhost:3000"]
    }  # fmt: skip
    origin = (b"origin", b"http://localhost:3000")
    assert protocol(TOKEN, origin, tenant=lambda source: "test", **options).code == "verified"
    visit = protocol(TOKEN, origin, tenant=lambda source: "live", on_event=events, **options)
    assert visit.code == "unknown_tenant"
    assert [event.error for event in events.named("failed")] == ["ConfigurationError"]


# Modes


def test_in_monitor_everything_gets_in_and_is_judged(protocol: Protocol) -> None:
    for headers, code in (
        ([], "missing"),
        ([stigg(secret=OTHER)], "mismatch"),
        ([TOKEN, TOKEN], "ambiguous"),
        ([TOKEN, (b"origin", b"null")], "origin_refused"),
    ):
        origins = [APP] if code == "origin_refused" else None
        visit = protocol(*headers, mode="monitor", origins=origins)
        assert visit.verdict is not None
        assert (visit.status, visit.code, visit.identity) == (200, code, None)
        assert (visit.verdict.let_in_by, visit.verdict.correlation_id) == ("monitor", None)


def test_off_touches_nothing(protocol: Protocol, events: Events) -> None:
    def untouched(*arguments: Any) -> Any:
        raise AssertionError("it was asked")

    verdicts = Verdicts()
    visit = protocol(
        TOKEN, TOKEN, mode="off", principal=untouched, tenant=untouched, origins=[APP],
        meter=verdicts, on_event=events,
    )  # fmt: skip
    assert (visit.status, visit.identity, visit.verdict) == (200, None, None)
    assert (verdicts, events) == ([], [])
    by_function = protocol(mode=lambda question: "off", meter=verdicts, on_event=events)
    assert (by_function.status, by_function.verdict) == (200, None)
    assert (verdicts, events) == ([], [])


def test_a_function_of_the_request_says_the_mode(protocol: Protocol) -> None:
    questions: list[Question] = []

    def mode(question: Question) -> Any:
        questions.append(question)
        return "monitor" if question.tenant == "acme" else "enforce"

    options: dict[str, Any] = {"mode": mode, "tenant": from_header("X-Tenant")}
    assert protocol((b"x-tenant", b"acme"), ORIGIN, **options).status == 200
    assert protocol((b"x-tenant", b"other"), **options).status == 401
    first, second = questions
    assert (first.scheme, first.environment, first.origin) == ("stigg", "test", APP)
    assert (second.tenant, second.origin) == ("other", None)
    assert first.source is not second.source
    options |= {"verifier": Tenants(), "token": "X-Customer-Key"}
    assert protocol((b"x-tenant", b"nobody"), **options).status == 403
    assert (questions[-1].scheme, questions[-1].environment) == (None, None)


@pytest.mark.parametrize("said", ["on", None, True, b"off", ["off"]])
def test_a_function_that_says_no_mode_enforces(
    protocol: Protocol, events: Events, said: Any
) -> None:
    assert protocol(mode=lambda question: said, on_event=events).status == 401
    assert [(e.reason, e.error) for e in events.named("failed")] == [("mode_raised", None)]


def test_a_function_that_raises_enforces(protocol: Protocol, events: Events) -> None:
    def mode(question: Question) -> Any:
        raise OSError("user-1")

    assert protocol(mode=mode, on_event=events).status == 401
    assert protocol(TOKEN, mode=mode).status == 200
    assert [(e.reason, e.error) for e in events.named("failed")] == [("mode_raised", "OSError")]


# What a user's functions do


def test_a_principal_that_cannot_be_told_is_malformed(protocol: Protocol, events: Events) -> None:
    def raises(source: Any) -> str:
        raise KeyError("user-1")

    for headers in ([TOKEN], []):
        visit = protocol(*headers, principal=raises, on_event=events, allowance=Allowance(9))
        assert visit.code == "malformed"
    assert [(e.reason, e.error) for e in events.named("failed")] == [
        ("resolver_raised", "KeyError")
    ] * 2


@pytest.mark.parametrize(
    ("given", "code"),
    [("ambiguous", "ambiguous"), ("expired", "expired"), ("verified", "malformed")],
)
def test_a_principal_function_may_refuse_by_itself(
    protocol: Protocol, events: Events, given: str, code: str
) -> None:
    def refuses(source: Any) -> str:
        raise BadToken("as it says", code=given)

    assert protocol(TOKEN, principal=refuses, on_event=events).code == code
    assert events.named("failed") == []


def test_a_verifier_that_raises_is_no_way_in(
    protocol: Protocol, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*arguments: Any) -> Any:
        raise RuntimeError(GOOD)

    monkeypatch.setattr(Verifier, "examine", raises)
    assert protocol(TOKEN, on_event=events).code == "malformed"
    assert [(e.reason, e.error) for e in events.named("failed")] == [
        ("verifier_raised", "RuntimeError")
    ]


def test_a_meter_that_raises_changes_nothing(protocol: Protocol, events: Events) -> None:
    def meter(verdict: Any) -> None:
        raise OSError("disk full")

    assert protocol(TOKEN, meter=meter, on_event=events).status == 200
    assert protocol(meter=meter).status == 401
    assert [(e.reason, e.error) for e in events.named("failed")] == [("meter_raised", "OSError")]


def test_every_verdict_is_counted(protocol: Protocol) -> None:
    verdicts = Verdicts()
    for headers in ([TOKEN], [], [TOKEN, TOKEN]):
        protocol(*headers, meter=verdicts)
    assert [verdict.code for verdict in verdicts] == ["verified", "missing", "ambiguous"]
    assert [verdict.admitted for verdict in verdicts] == [True, False, False]
    assert verdicts[1].correlation_id is not None


def mailed(source: Any) -> Principal:
    """Say whom a request is from, by an address that it brings."""
    return Principal(email=from_header("X-Email")(source))


def test_who_is_known_by_an_address(protocol: Protocol, events: Events) -> None:
    verifier, signer = Verifier("crisp", Keyring(SECRET)), Signer("crisp", Keyring(SECRET))
    options: dict[str, Any] = {
        "verifier": verifier, "token": "X-Token", "principal": mailed, "on_event": events
    }  # fmt: skip
    token = (b"x-token", signer.sign(Principal(email="a@b.example")).encode())
    visit = protocol(token, (b"x-email", b"a@b.example"), **options)
    assert visit.identity is not None
    assert (visit.identity.principal_id, visit.identity.claims) == (None, {"email": "a@b.example"})
    assert protocol(token, (b"x-email", b"b@b.example"), **options).code == "mismatch"
    for email in (b"nobody", b"a@b.example\xff", b""):
        assert protocol(token, (b"x-email", email), **options).code == "malformed"
    # Without a token it is unsigned, whatever else it lacks; and no fault of the function.
    assert protocol(**options).code == "missing"
    assert protocol(**options, allowance=Allowance(1)).reached
    assert events.named("failed") == []


def test_a_text_for_a_principal_who_is_more_than_an_id_is_refused_at_once(
    protocol: Protocol,
) -> None:
    verifier = Verifier("crisp", Keyring(SECRET))
    with pytest.raises(ConfigurationError, match="returns a Principal with the email"):
        protocol(verifier=verifier, token="X-Token", principal=from_query("email"))


# The allowance


def test_so_many_unsigned_sessions_get_in_and_no_more(protocol: Protocol) -> None:
    allowance = Allowance(2)
    visits = [protocol(allowance=allowance) for _ in range(4)]
    assert [visit.status for visit in visits] == [200, 200, 401, 401]
    assert {visit.identity for visit in visits} == {None}
    assert visits[0].verdict is not None
    assert (visits[0].verdict.let_in_by, visits[0].code) == ("allowance", "missing")
    assert protocol(TOKEN, allowance=allowance).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        [stigg(secret=OTHER)],
        [(HEADER, b"x")],
        [TOKEN, TOKEN],
        [(HEADER, b""), (HEADER, b"")],
        [(b"origin", b"https://evil.example")],
    ],
)
def test_what_is_wrong_never_uses_the_allowance(protocol: Protocol, headers: Any) -> None:
    allowance = Allowance(9)
    origins = AllowedOrigins([APP], missing="allow")
    assert not protocol(*headers, allowance=allowance, origins=origins).reached
    assert allowance.left(allowance_group("stigg", "test")) == 9


def test_a_signature_without_its_id_is_not_unsigned(protocol: Protocol) -> None:
    visit = protocol(
        (b"x-signature", FLOW_SIGNER.sign("user-1").encode()),
        verifier=FLOW_VERIFIER,
        token="X-Signature",
        principal=from_query("customerReference"),
        allowance=Allowance(9),
    )
    assert visit.code == "mismatch"


def test_in_monitor_nothing_is_taken_from_the_allowance(protocol: Protocol) -> None:
    allowance = Allowance(1)
    for _ in range(3):
        visit = protocol(mode="monitor", allowance=allowance)
        assert visit.verdict is not None
        assert visit.verdict.let_in_by == "monitor"
    assert allowance.left(allowance_group("stigg", "test")) == 1


def test_schemes_environments_and_tenants_have_allowances_of_their_own(
    protocol: Protocol,
) -> None:
    allowance = Allowance(1)
    for tenant in ("acme", "umbrella"):
        for status in (200, 401):
            visit = protocol(allowance=allowance, tenant=lambda source, of=tenant: of)
            assert visit.status == status
    assert protocol(allowance=allowance).status == 200
    assert protocol(allowance=allowance, verifier=dated(0), token="T").status == 200
    groups = {allowance_group("a", "b", "c"), allowance_group("a", "b"), allowance_group("a")}
    assert len(groups) == 3


class Broken(Allowance):
    """Cannot be asked."""

    error: Exception = StoreUnavailable("it is away", kind="TimeoutError")

    def admit(self, group: str, source: Any) -> bool:
        raise self.error


@pytest.mark.parametrize(("policy", "status"), [("fail_closed", 401), ("fail_open", 200)])
def test_without_the_store_the_policy_decides(
    protocol: Protocol, events: Events, policy: Any, status: int
) -> None:
    allowance = Broken(9, when_unavailable=policy)
    visit = protocol(allowance=allowance, on_event=events)
    assert visit.status == status
    assert events[0] == Event("failed", "store_unavailable", error="TimeoutError")
    if visit.verdict is not None:
        assert visit.verdict.let_in_by == "fail_open"
        assert events[1][:3] == ("allowed", "fail_open", "stigg")
    wrong = protocol(stigg(secret=OTHER), allowance=allowance)
    assert wrong.status == 401


def test_an_allowance_that_raises_lets_nobody_in(
    protocol: Protocol, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broken, "error", OSError("away"))
    allowance = Broken(9, when_unavailable="fail_open")
    assert protocol(allowance=allowance, on_event=events).status == 401
    assert events[0] == Event("failed", "allowance_raised", error="OSError")


def test_an_allowance_says_true_or_it_is_no(protocol: Protocol) -> None:
    class Odd(Allowance):
        def admit(self, group: str, source: Any) -> Any:
            return "no"

    assert protocol(allowance=Odd(9)).status == 401


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


def test_who_is_not_meant_gets_403_and_no_challenge(protocol: Protocol) -> None:
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
def test_nothing_odd_is_repeated_to_a_preflight(protocol: Protocol, value: bytes) -> None:
    headers = [ORIGIN, (ASKED[0], value), (WANTED[0], value)]
    visit = protocol(*headers, method="OPTIONS", origins=[APP])
    assert visit.status == 204
    assert "access-control-allow-methods" not in visit.headers
    assert "access-control-allow-headers" not in visit.headers


def test_doubled_headers_are_not_repeated_to_a_preflight(protocol: Protocol) -> None:
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


# Events


def test_events_say_what_happened_and_to_whom_by_pseudonym(
    protocol: Protocol, events: Events
) -> None:
    protocol(TOKEN, on_event=events)
    protocol(TOKEN, TOKEN, on_event=events)
    protocol(stigg(secret=OTHER), mode="monitor", on_event=events)
    protocol(on_event=events, allowance=Allowance(1))
    who = VERIFIER.pseudonym("user-1")
    assert [event[:4] for event in events] == [
        ("verified", "current", "stigg", who),
        ("refused", "ambiguous", "stigg", None),
        ("would_refuse", "mismatch", "stigg", who),
        ("allowed", "allowance", "stigg", None),
    ]
    assert [event.correlation is None for event in events] == [True, False, True, True]


def test_the_salt_of_a_pseudonym_is_the_tenants_key(
    protocol: Protocol, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = Tenants()
    options: dict[str, Any] = {
        "verifier": tenants, "token": "X-Customer-Key", "on_event": events,
        "tenant": from_header("X-Tenant"),
    }  # fmt: skip
    acme = (b"x-tenant", b"acme")
    protocol(TOKEN, acme, **options)
    assert events[-1].principal == SIGNER.pseudonym("user-1")
    # Where the cache has no room and the tenant is gone or broken, there is none.
    monkeypatch.setattr("countermark.tenants.MAX_TENANTS", 0)
    for then in ("nobody", "broken"):
        names = iter(["acme", then])
        protocol(TOKEN, acme, **{**options, "verifier": lambda _, of=names: tenants(next(of))})
        assert events[-1][:4] == ("verified", "current", "stigg", None)


def test_of_an_unsigned_request_the_id_it_claims_is_told(
    protocol: Protocol, events: Events
) -> None:
    for principal, claimed in (("user-1", "user-1"), (Principal("user-1"), "user-1"), ("\n", None)):
        visit = protocol(mode="monitor", principal=lambda source, who=principal: who)
        assert visit.verdict is not None
        assert (visit.code, visit.verdict.claimed_id) == ("missing", claimed)


def test_the_log_has_refusals_and_the_unsigned_but_not_the_verified(
    protocol: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "countermark")
    protocol(TOKEN, on_event=Events())
    protocol(mode="monitor")
    protocol(allowance=Allowance(1))
    visit = protocol()
    assert [record.levelname for record in caplog.records] == ["DEBUG", "INFO", "WARNING"]
    correlation = visit.problem["instance"].removeprefix("urn:uuid:")
    assert caplog.messages[-1] == (
        f"refused: missing (scheme=stigg principal=None error=None) correlation={correlation}"
    )


def test_what_nobody_would_see_is_not_computed(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def pseudonym(self: Verifier, identifier: str) -> str:
        raise AssertionError("it was asked")

    caplog.set_level(logging.INFO, "countermark")
    monkeypatch.setattr(Verifier, "pseudonym", pseudonym)
    assert protocol(TOKEN).status == 200
    assert protocol(stigg(secret=OTHER), mode="monitor").status == 200


def test_nothing_that_is_said_holds_an_id_or_a_token(
    protocol: Protocol, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "countermark")
    for mode in ("monitor", "enforce"):
        for token in (TOKEN, stigg("user-1", OTHER)):
            visit = protocol(token, mode=mode, on_event=events)
            said = f"{visit} {visit.verdict!r} {events} {caplog.text} {visit.headers}"
            assert "user-1" not in said
            assert GOOD not in said
            assert token[1].decode() not in said


# Construction


@pytest.mark.parametrize("side", [asgi, wsgi], ids=["asgi", "wsgi"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"verifier": "stigg"}, "verifier= takes a Verifier"),
        ({"verifier": SIGNER}, "verifier= takes a Verifier"),
        ({"verifier": FLOW_VERIFIER}, "token= says where requests have their token"),
        ({"verifier": FLOW_VERIFIER, "token": "T"}, "say in principal= where the id is"),
        ({"token": 7}, "token= says where requests have their token"),
        ({"token": lambda source: GOOD}, "token= says where requests have their token"),
        ({"token": "X_Token"}, "letters, digits and hyphens"),
        ({"verifier": Tenants(), "token": "T"}, "tenant= must tell whose keys count"),
        ({"verifier": Tenants(), "tenant": str}, "token= says where requests have their token"),
        ({"mode": "enforced"}, "mode= must be 'off', 'monitor' or 'enforce'"),
        ({"principal": "user-1"}, "principal= must be callable"),
        ({"tenant": "acme"}, "tenant= must be callable"),
        ({"meter": 7}, "meter= must be callable"),
        ({"on_event": 7}, "on_event= must be callable"),
        ({"allowance": 100}, "allowance= takes an Allowance"),
        ({"origins": APP}, "origins= takes a list"),
        ({"origins": ["http://localhost:3000"]}, "name the verifier's environment="),
    ],
)
def test_what_does_not_fit_is_refused_at_the_start(
    side: Any, options: dict[str, Any], message: str
) -> None:
    app: Any = answer() if side is asgi else wsgi_answer()
    defaults = {"verifier": Verifier("stigg", Keyring(SECRET))}
    with pytest.raises(ConfigurationError, match=message):
        side.VerifyingMiddleware(app, **{**defaults, **options})


async def coroutine(*arguments: Any) -> Any:
    return None


@pytest.mark.parametrize("side", [asgi, wsgi], ids=["asgi", "wsgi"])
@pytest.mark.parametrize("name", ["verifier", "mode", "principal", "tenant", "meter", "on_event"])
def test_nothing_may_be_a_coroutine_function(side: Any, name: str) -> None:
    options: dict[str, Any] = {"verifier": VERIFIER, "token": "T", "tenant": str, name: coroutine}
    message = "takes a Verifier" if name == "verifier" else "no coroutine function"
    with pytest.raises(ConfigurationError, match=message):
        side.VerifyingMiddleware(answer(), **options)


def test_a_problem_is_json_of_one_line(protocol: Protocol) -> None:
    body = protocol().body
    assert b"\n" not in body
    assert json.loads(body)["status"] == 401
