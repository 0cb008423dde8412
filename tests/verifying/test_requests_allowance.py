"""Behind both protocols: the first unsigned sessions."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import (
    Event,
    StoreUnavailable,
)
from countermark.verifying import Allowance, AllowedOrigins, from_query
from countermark.verifying._allowance import allowance_group
from tests.conftest import Events
from tests.verifying.protocols import (
    APP,
    FLOW_SIGNER,
    FLOW_VERIFIER,
    HEADER,
    OTHER,
    TOKEN,
    Protocol,
    dated,
    stigg,
)

# The allowance


def test_exactly_the_allowed_number_of_unsigned_sessions_passes(protocol: Protocol) -> None:
    allowance = Allowance(2)
    visits = [protocol(allowance=allowance) for _ in range(4)]
    assert [visit.status for visit in visits] == [200, 200, 401, 401]
    assert {visit.identity for visit in visits} == {None}
    assert visits[0].verdict is not None
    assert (visits[0].verdict.admitted_by, visits[0].code) == ("allowance", "missing")
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
def test_an_invalid_token_never_uses_the_allowance(protocol: Protocol, headers: Any) -> None:
    allowance = Allowance(9)
    origins = AllowedOrigins([APP], missing="allow")
    assert not protocol(*headers, allowance=allowance, origins=origins).reached
    assert allowance.left(allowance_group("stigg", "test")) == 9


def test_a_signature_without_its_id_is_not_unsigned(protocol: Protocol) -> None:
    visit = protocol(
        (b"x-signature", FLOW_SIGNER.sign("user-1").encode()),
        verifier=FLOW_VERIFIER,
        token="X-Signature",
        claimed_id=from_query("customerReference"),
        allowance=Allowance(9),
    )
    assert visit.code == "mismatch"


def test_in_monitor_nothing_is_taken_from_the_allowance(protocol: Protocol) -> None:
    allowance = Allowance(1)
    for _ in range(3):
        visit = protocol(mode="monitor", allowance=allowance)
        assert visit.verdict is not None
        assert visit.verdict.admitted_by == "monitor"
    assert allowance.left(allowance_group("stigg", "test")) == 1


def test_schemes_environments_and_tenants_have_separate_allowances(
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
        assert visit.verdict.admitted_by == "fail_open"
        assert events[1][:3] == ("allowed", "fail_open", "stigg")
    wrong = protocol(stigg(secret=OTHER), allowance=allowance)
    assert wrong.status == 401


def test_an_allowance_that_raises_allows_no_session(
    protocol: Protocol, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broken, "error", OSError("away"))
    allowance = Broken(9, when_unavailable="fail_open")
    assert protocol(allowance=allowance, on_event=events).status == 401
    assert events[0] == Event("failed", "allowance_raised", error="OSError")


def test_only_true_from_an_allowance_allows_a_session(protocol: Protocol) -> None:
    class Odd(Allowance):
        def admit(self, group: str, source: Any) -> Any:
            return "no"

    assert protocol(allowance=Odd(9)).status == 401
