"""Enforcement for a percentage of the principals: who is chosen, and what happens to whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark import ConfigurationError, Principal
from countermark.verifying import (
    Allowance,
    EnforcePercent,
    ModeContext,
    ModeFile,
    from_header,
    from_query,
)
from countermark.verifying._mode_values import read_mode
from tests.conftest import Events
from tests.verifying.protocols import (
    APP,
    FLOW_SIGNER,
    FLOW_VERIFIER,
    ORIGIN,
    OTHER,
    Protocol,
    Tenants,
    Verdicts,
    stigg,
)

HALF = EnforcePercent(50)


def person(*, chosen: bool, **group: Any) -> str:
    """Return an id that is among the chosen half of stigg in "test", or is not."""
    group = {"scheme": "stigg", "environment": "test", **group}
    people = (f"user-{each}" for each in range(200))
    return next(one for one in people if HALF.covers(one, **group) is chosen)


IN, OUT = person(chosen=True), person(chosen=False)


# Who is chosen


@given(st.text(), st.integers(1, 9_999), st.integers(1, 9_999))
def test_a_chosen_principal_stays_chosen_at_a_higher_percentage(
    name: str, one: int, other: int
) -> None:
    less, more = sorted((one, other))
    if EnforcePercent(less / 100).covers(name, scheme="stigg"):
        assert EnforcePercent(more / 100).covers(name, scheme="stigg")


@pytest.mark.parametrize("percent", [0.5, 1, 10, 50, 99])
def test_the_percentage_is_that_of_the_principals(percent: float) -> None:
    people = [f"user-{number}" for number in range(20_000)]
    mode = EnforcePercent(percent)
    chosen = sum(mode.covers(one, scheme="stigg", environment="live") for one in people)
    assert abs(chosen / 200 - percent) < 1


@pytest.mark.parametrize(
    "group",
    [
        {"scheme": "knock"},
        {"scheme": "stigg", "environment": "test"},
        {"scheme": "stigg", "tenant": "acme"},
    ],
)
def test_each_scheme_environment_and_tenant_has_its_own_choice(group: dict[str, Any]) -> None:
    people = [f"user-{number}" for number in range(4_000)]
    both = sum(HALF.covers(one, scheme="stigg") and HALF.covers(one, **group) for one in people)
    assert 800 < both < 1_200


def test_any_text_that_a_client_sends_is_chosen_or_not() -> None:
    assert isinstance(HALF.covers("\ud800", scheme="stigg"), bool)


@pytest.mark.parametrize(
    "percent", [0, 100, -1, 101, 0.001, 99.999, 12.345, float("nan"), True, "10", None]
)
def test_another_percentage_is_refused(percent: Any) -> None:
    with pytest.raises(ConfigurationError, match="a number above 0 and below 100"):
        EnforcePercent(percent)


@given(st.integers(1, 9_999))
def test_the_text_of_a_percentage_is_read_as_the_same(parts: int) -> None:
    mode = EnforcePercent(parts / 100)
    assert read_mode(str(mode)) == mode
    assert hash(read_mode(str(mode))) == hash(mode)
    assert eval(repr(mode)) == mode
    assert mode != "enforce"


@pytest.mark.parametrize(
    "text",
    ["enforce 0%", "enforce 100%", "enforce 10 %", "enforce 1.234%", "enforce", "monitor 5%", 3],
)
def test_other_texts_are_no_percentages(text: Any) -> None:
    assert not isinstance(read_mode(text), EnforcePercent)


def test_a_mode_file_may_contain_percentages(tmp_path: Path) -> None:
    file = tmp_path / "mode.toml"
    file.write_text('mode = "enforce 0.5%"\n[tenants]\nacme = "enforce 50%"\nbrick = "monitor"')
    modes = ModeFile(file)
    found = [modes(ModeContext({}, tenant=tenant)) for tenant in ("acme", "brick", None)]
    assert found == [HALF, "monitor", EnforcePercent(0.5)]
    file.write_text('mode = "enforce 500%"')
    with pytest.raises(ConfigurationError, match="a percentage such as 'enforce 10%'"):
        ModeFile(file)


# What happens to a request


def test_an_invalid_token_is_refused_for_the_chosen_and_reported_for_the_others(
    protocol: Protocol, events: Events
) -> None:
    meter = Verdicts()
    options: dict[str, Any] = {"mode": HALF, "on_event": events, "meter": meter}
    assert protocol(stigg(IN, OTHER), **options).status == 401
    assert protocol(stigg(OUT, OTHER), **options).status == 200
    assert [event.name for event in events] == ["refused", "would_refuse"]
    assert [(each.mode, each.admitted_by) for each in meter] == [
        ("enforce", None),
        ("monitor", "monitor"),
    ]


def test_the_verdict_on_a_valid_token_has_the_mode_of_its_principal(protocol: Protocol) -> None:
    for person_id, mode in ((IN, "enforce"), (OUT, "monitor")):
        visit = protocol(stigg(person_id), mode=lambda context: HALF)
        assert visit.verdict is not None
        assert (visit.status, visit.verdict.mode, visit.verdict.admitted_by) == (200, mode, "token")


def test_a_request_that_names_no_id_is_monitored(protocol: Protocol) -> None:
    nearly_all = EnforcePercent(99.99)
    for headers in ([], [(b"x-customer-key", b"not a token")], [stigg(IN), stigg(IN)]):
        visit = protocol(*headers, mode=nearly_all)
        assert visit.verdict is not None
        assert (visit.status, visit.verdict.mode) == (200, "monitor")
    assert protocol(mode=nearly_all, claimed_id=lambda source: None).status == 200


def test_a_claimed_id_decides_whatever_the_token_names(protocol: Protocol) -> None:
    options: dict[str, Any] = {"mode": HALF, "claimed_id": from_query("id")}
    cases = [(None, IN, 401), (OUT, IN, 401), (IN, OUT, 200), (OUT, OUT, 200), (None, OUT, 200)]
    for in_token, beside, status in cases:
        headers = [] if in_token is None else [stigg(in_token, OTHER)]
        assert protocol(*headers, query=f"id={beside}".encode(), **options).status == status


def test_an_id_that_cannot_be_read_is_enforced(protocol: Protocol, events: Events) -> None:
    def raises(source: Any) -> str:
        raise KeyError("user-1")

    assert protocol(mode=HALF, claimed_id=raises, on_event=events).status == 401
    assert [event.reason for event in events.named("failed")] == ["resolver_raised"]
    options: dict[str, Any] = {"mode": HALF, "claimed_id": from_query("id")}
    for query in (f"id={OUT}&id={OUT}", "id=%00"):
        assert protocol(query=query.encode(), **options).status == 401


def test_two_ids_that_a_server_joined_are_enforced(protocol: Protocol) -> None:
    headers = [(b"x-id", OUT.encode()), (b"x-id", b"another")]
    assert protocol(*headers, mode=EnforcePercent(1), claimed_id=from_header("X-Id")).status == 401


def test_the_service_names_the_principal_whatever_the_token_names(protocol: Protocol) -> None:
    for service, token, status in ((IN, OUT, 401), (OUT, IN, 200)):
        visit = protocol(stigg(token), mode=HALF, claimed_id=lambda source, who=service: who)
        assert visit.status == status


def test_a_principal_without_an_id_is_chosen_by_their_address(protocol: Protocol) -> None:
    for chosen, status in ((True, 401), (False, 200)):
        mails = (f"user-{number}@a.example" for number in range(99))
        mail = next(
            one for one in mails if HALF.covers(one, scheme="stigg", environment="test") is chosen
        )
        visit = protocol(mode=HALF, claimed_id=lambda source, mail=mail: Principal(email=mail))
        assert visit.status == status


def test_a_refused_origin_is_refused_for_the_chosen(protocol: Protocol) -> None:
    options: dict[str, Any] = {"mode": HALF, "origins": [APP]}
    foreign = (b"origin", b"https://other.example")
    assert protocol(stigg(IN), ORIGIN, **options).status == 200
    assert protocol(stigg(IN), foreign, **options).code == "origin_refused"
    assert protocol(stigg(IN), foreign, **options).status == 403
    assert protocol(stigg(OUT), foreign, **options).status == 200


def test_an_unknown_tenant_is_refused_for_the_chosen(protocol: Protocol) -> None:
    group: dict[str, Any] = {"scheme": "unknown", "environment": None, "tenant": "nobody"}
    for chosen, status in ((True, 403), (False, 200)):
        visit = protocol(
            (b"x-tenant", b"nobody"), query=f"id={person(chosen=chosen, **group)}".encode(),
            verifier=Tenants(), token="X-Customer-Key", tenant=from_header("X-Tenant"),
            claimed_id=from_query("id"), mode=HALF,
        )  # fmt: skip
        assert visit.status == status


def test_the_allowance_is_asked_for_the_chosen_alone(protocol: Protocol) -> None:
    sessions: list[str] = []

    def session(source: Any) -> str:
        sessions.append("asked")
        return "one"

    options: dict[str, Any] = {
        "mode": HALF, "claimed_id": from_query("id"), "allowance": Allowance(1, session=session)
    }  # fmt: skip
    visit = protocol(query=f"id={IN}".encode(), **options)
    assert visit.verdict is not None
    assert (visit.verdict.mode, visit.verdict.admitted_by) == ("enforce", "allowance")
    assert protocol(query=f"id={OUT}".encode(), **options).status == 200
    assert sessions == ["asked"]


def test_the_application_answers_preflights_until_all_are_enforced(protocol: Protocol) -> None:
    preflight = [ORIGIN, (b"access-control-request-method", b"GET")]
    visit = protocol(*preflight, method="OPTIONS", origins=[APP], mode=EnforcePercent(99))
    assert (visit.reached, visit.verdict) == (True, None)
    assert not protocol(*preflight, method="OPTIONS", origins=[APP], mode="enforce").reached


def test_tokens_that_do_not_contain_the_id_are_chosen_by_it(protocol: Protocol) -> None:
    group: dict[str, Any] = {"scheme": "cognito-flow", "environment": None}
    for chosen, mode in ((True, "enforce"), (False, "monitor")):
        who = person(chosen=chosen, **group)
        header = (b"x-token", FLOW_SIGNER.sign(who).encode())
        options: dict[str, Any] = {
            "verifier": FLOW_VERIFIER, "token": "X-Token", "claimed_id": from_query("id"),
            "mode": HALF,
        }  # fmt: skip
        visit = protocol(header, query=f"id={who}".encode(), **options)
        assert visit.verdict is not None
        assert (visit.verdict.code, visit.verdict.mode) == ("verified", mode)
        status = protocol(query=f"id={who}".encode(), **options).status
        assert status == (401 if chosen else 200)
