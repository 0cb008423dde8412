"""Behind both protocols: how strict to be, and what a user's functions may do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from countermark import (
    BadToken,
    ConfigurationError,
    Keyring,
    Principal,
    Signer,
    Verifier,
)
from countermark.verifying import Allowance, ModeContext, ModeFile, from_header, from_query
from tests.conftest import SECRET, Events
from tests.verifying.protocols import (
    APP,
    GOOD,
    ORIGIN,
    OTHER,
    TOKEN,
    Protocol,
    Tenants,
    Verdicts,
    stigg,
)

# Modes


def test_in_monitor_every_request_is_allowed_and_judged(protocol: Protocol) -> None:
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
        assert (visit.verdict.admitted_by, visit.verdict.correlation_id) == ("monitor", None)


def test_off_touches_nothing(protocol: Protocol, events: Events) -> None:
    def untouched(*arguments: Any) -> Any:
        raise AssertionError("it was asked")

    verdicts = Verdicts()
    visit = protocol(
        TOKEN, TOKEN, mode="off", claimed_id=untouched, tenant=untouched, origins=[APP],
        meter=verdicts, on_event=events,
    )  # fmt: skip
    assert (visit.status, visit.identity, visit.verdict) == (200, None, None)
    assert (verdicts, events) == ([], [])
    by_function = protocol(mode=lambda question: "off", meter=verdicts, on_event=events)
    assert (by_function.status, by_function.verdict) == (200, None)
    assert (verdicts, events) == ([], [])


def test_a_function_of_the_request_returns_the_mode(protocol: Protocol) -> None:
    questions: list[ModeContext] = []

    def mode(question: ModeContext) -> Any:
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
def test_a_function_that_returns_no_mode_enforces(
    protocol: Protocol, events: Events, said: Any
) -> None:
    assert protocol(mode=lambda question: said, on_event=events).status == 401
    assert [(e.reason, e.error) for e in events.named("failed")] == [("mode_raised", None)]


def test_a_function_that_raises_enforces(protocol: Protocol, events: Events) -> None:
    def mode(question: ModeContext) -> Any:
        raise OSError("user-1")

    assert protocol(mode=mode, on_event=events).status == 401
    assert protocol(TOKEN, mode=mode).status == 200
    assert [(e.reason, e.error) for e in events.named("failed")] == [("mode_raised", "OSError")]


# What a user's functions do


# Requests for which it is not known which mode of a file applies


def no_tenant(source: Any) -> Any:
    """Raise, as a function does that reads a header which the client has left out."""
    raise KeyError("host")


def the_empty_tenant(source: Any) -> str:
    return ""


def two_tenants(source: Any) -> str:
    """Raise, as ``from_header`` does if the client has sent the header twice."""
    raise BadToken("two values", code="ambiguous")


@pytest.mark.parametrize("tenant", [no_tenant, the_empty_tenant, two_tenants])
@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ('[environments]\ntest = "enforce"', 403),  # the verifier is the same for all tenants
        ('[environments]\nlive = "enforce"', 200),
        ('[tenants]\nacme = "enforce"\nbrick = "off"', 403),
        ('[tenants]\nacme = "enforce 1%"', 403),
        ('[tenants]\nacme = "off"', 200),
        ('[tenants]\nacme = "monitor"\n[environments]\ntest = "enforce"', 403),
        ("", 200),
    ],
)
def test_a_tenant_that_cannot_be_read_may_be_the_enforced_one(
    protocol: Protocol, tmp_path: Path, tenant: Any, rules: str, status: int
) -> None:
    (tmp_path / "mode.toml").write_text(f'mode = "monitor"\n{rules}')
    mode = ModeFile(tmp_path / "mode.toml")
    visit = protocol(TOKEN, mode=mode, tenant=tenant)
    assert (visit.status, visit.code) == (status, "unknown_tenant")


@pytest.mark.parametrize(
    ("tenant", "status"),
    [(no_tenant, 403), (the_empty_tenant, 403), (two_tenants, 403), (lambda source: None, 200)],
)
def test_a_function_distinguishes_an_unknown_tenant_from_none(
    protocol: Protocol, tenant: Any, status: int
) -> None:
    def mode(question: ModeContext) -> Any:
        assert question.tenant is None
        return "enforce" if "tenant" in question.unknown else "monitor"

    visit = protocol(TOKEN, mode=mode, tenant=tenant, verifier=Tenants(), token="X-Customer-Key")
    assert (visit.status, visit.code) == (status, "unknown_tenant")


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ('[environments]\ntest = "enforce"', 403),
        ('[environments]\ntest = "off"', 200),
        ('[tenants]\nnobody = "monitor"\n[environments]\ntest = "enforce"', 200),
        ('[tenants]\nacme = "enforce"', 200),
    ],
)
def test_the_environment_of_a_tenant_without_keys_may_be_the_enforced_one(
    protocol: Protocol, tmp_path: Path, rules: str, status: int
) -> None:
    (tmp_path / "mode.toml").write_text(f'mode = "monitor"\n{rules}')
    visit = protocol(
        mode=ModeFile(tmp_path / "mode.toml"), verifier=lambda tenant: None, token="X-Customer-Key",
        tenant=lambda source: "nobody",
    )  # fmt: skip
    assert (visit.status, visit.code) == (status, "unknown_tenant")


def test_a_function_is_told_the_environment_of_the_only_verifier(protocol: Protocol) -> None:
    def mode(context: ModeContext) -> Any:
        return "enforce" if (context.scheme, context.environment) == ("stigg", "test") else "off"

    assert protocol(mode=mode, tenant=no_tenant).status == 403


def test_a_claimed_id_that_cannot_be_read_is_malformed(protocol: Protocol, events: Events) -> None:
    def raises(source: Any) -> str:
        raise KeyError("user-1")

    for headers in ([TOKEN], []):
        visit = protocol(*headers, claimed_id=raises, on_event=events, allowance=Allowance(9))
        assert visit.code == "malformed"
    assert [(e.reason, e.error) for e in events.named("failed")] == [
        ("resolver_raised", "KeyError")
    ] * 2


@pytest.mark.parametrize(
    ("given", "code"),
    [("ambiguous", "ambiguous"), ("expired", "expired"), ("verified", "malformed")],
)
def test_a_function_for_the_claimed_id_may_refuse_the_request(
    protocol: Protocol, events: Events, given: str, code: str
) -> None:
    def refuses(source: Any) -> str:
        raise BadToken("as it says", code=given)

    assert protocol(TOKEN, claimed_id=refuses, on_event=events).code == code
    assert events.named("failed") == []


def test_a_verifier_that_raises_refuses_the_request(
    protocol: Protocol, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*arguments: Any) -> Any:
        raise RuntimeError(GOOD)

    monkeypatch.setattr(Verifier, "check", raises)
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


def test_a_principal_may_be_identified_by_an_address(protocol: Protocol, events: Events) -> None:
    verifier, signer = Verifier("crisp", Keyring(SECRET)), Signer("crisp", Keyring(SECRET))
    options: dict[str, Any] = {
        "verifier": verifier, "token": "X-Token", "claimed_id": mailed, "on_event": events
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


def test_a_text_is_refused_if_the_scheme_signs_more_than_an_id(
    protocol: Protocol,
) -> None:
    verifier = Verifier("crisp", Keyring(SECRET))
    with pytest.raises(ConfigurationError, match="returns a Principal with the email"):
        protocol(verifier=verifier, token="X-Token", claimed_id=from_query("email"))
