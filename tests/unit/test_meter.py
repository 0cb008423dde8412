"""The meter in one process: exact, within bounds, and silent about who it was."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from countermark import ConfigurationError
from countermark.errors import REFUSALS
from countermark.rollout import DAY, GroupStats, Meter, Principals
from countermark.rollout._counters import MOST_ROWS
from countermark.rollout._snapshot import OTHER, label_of, text_of
from tests.unit.verdicts import NOON, Clock, proved, unverified, verified


def only(meter: Meter, days: int = 7) -> GroupStats:
    (figures,) = meter.snapshot(days).groups
    return figures


def test_requests_are_counted_by_all_that_tells_them_apart() -> None:
    meter = Meter(clock=Clock())
    for _ in range(3):
        meter(verified(origin="https://a.example"))
    meter(verified(role="previous"))
    meter(unverified(code="mismatch"))
    meter(unverified(code="retired_key", role="retired", by=None))
    meter(unverified(by="allowance"))
    figures = only(meter)
    assert figures.group == ("stigg", "live", None)
    assert [row[3:-1] for row in figures.counts] == [
        (None, None, "mismatch", "monitor", 1),
        (None, None, "missing", "allowance", 1),
        (None, "previous", "verified", "token", 1),
        (None, "retired", "retired_key", None, 1),
        ("https://a.example", "current", "verified", "token", 3),
    ]
    assert (figures.requests, figures.verified) == (7, 4)
    assert (figures.would_be_refused, figures.refused) == (3, 1)
    assert figures.by("admitted_by") == {"monitor": 1, "allowance": 1, "token": 4, None: 1}
    assert set(meter.totals()) == set(figures.counts)
    assert (figures.first_seen, figures.last_seen, figures.days_seen) == (NOON, NOON, 1)


def test_schemes_environments_and_tenants_are_groups() -> None:
    meter = Meter()
    for scheme in ("stigg", "cognito-flow"):
        for environment in (None, "live"):
            for tenant in (None, "acme"):
                meter(verified(scheme=scheme, environment=environment, tenant=tenant))
    groups = [figures.group for figures in meter.snapshot().groups]
    assert groups == [
        (scheme, environment, tenant)
        for scheme in ("cognito-flow", "stigg")
        for environment in (None, "live")
        for tenant in (None, "acme")
    ]


@pytest.mark.parametrize("code", REFUSALS)
def test_whatever_is_not_verified_would_be_refused(code: str) -> None:
    meter = Meter()
    meter(unverified(code=code))
    assert (only(meter).would_be_refused, only(meter).verified) == (1, 0)


def test_a_principal_counts_once_however_many_requests() -> None:
    meter = Meter()
    for number in range(100):
        meter(verified(f"user-{number % 7}"))
        meter(unverified(f"user-{number % 10}"))
    assert only(meter).principals == Principals(verified=7, affected=10, stranded=3)


def test_who_is_verified_once_is_not_stranded_before_or_after() -> None:
    meter = Meter()
    for verdicts in ((verified, unverified), (unverified, verified)):
        for verdict in verdicts:
            meter(verdict("user-1" if verdicts[0] is verified else "user-2"))
    assert only(meter).principals == Principals(verified=2, affected=2, stranded=0)


def test_the_id_that_is_proved_counts_before_the_one_that_is_claimed() -> None:
    meter = Meter()
    for verdict in (proved("user-1", "user-2"), proved("user-1"), proved(None, "user-1")):
        meter(verdict)
    assert only(meter).principals.verified == 1


@pytest.mark.parametrize("nobody", [None, "", "x" * 513, 7])
def test_requests_of_nobody_are_counted_without_a_principal(nobody: Any) -> None:
    meter = Meter()
    meter(unverified(nobody))
    assert only(meter).principals == Principals()
    assert only(meter).requests == 1


def test_the_same_id_in_two_tenants_is_two_principals() -> None:
    meter = Meter(max_tenants=1)
    for tenant in ("acme", "brick", "clay"):
        meter(verified("user-1", tenant=tenant))
    acme, other = meter.snapshot().groups
    assert (acme.tenant, acme.principals.verified) == ("acme", 1)
    assert (other.tenant, other.principals.verified) == ("other", 2)


def test_days_are_those_of_utc_and_a_window_begins_with_a_whole_one() -> None:
    clock = Clock(NOON - DAY / 2)
    meter = Meter(clock=clock)
    for hours in range(24 * 10):
        clock.now = NOON - DAY / 2 + hours * 3600
        meter(verified(f"user-{hours}"))
    for days, requests in ((1, 48), (7, 192), (9, 240), (30, 240)):
        assert only(meter, days).requests == requests
        assert only(meter, days).principals.verified == requests
        assert only(meter, days).days_seen == requests / 24
    assert only(meter, 1).first_seen == NOON - DAY / 2
    assert only(meter, 1).last_seen == clock.now


def test_after_37_days_a_day_is_forgotten_and_totals_are_not() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    meter(verified("user-1", tenant="gone"))
    meter(unverified("user-2"))
    clock.now += 37 * DAY
    meter(verified("user-3"))
    assert {figures.tenant for figures in meter.snapshot(30).groups} == {None, "gone"}
    clock.now += DAY
    meter(verified("user-3"))
    figures = only(meter, 30)
    assert figures.tenant is None
    assert figures.first_seen == NOON + 37 * DAY
    assert figures.principals == Principals(verified=1)
    assert sum(row.requests for row in meter.totals()) == 4


def test_a_clock_that_goes_back_loses_nothing() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    meter(verified())
    clock.now -= DAY
    meter(verified())
    clock.now += DAY - 60
    meter(verified())
    assert (only(meter).requests, only(meter).first_seen) == (3, NOON - DAY)
    assert only(meter).last_seen == NOON
    clock.now = NOON - DAY - 60
    meter(verified())
    assert only(meter).first_seen == NOON - DAY - 60


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Let threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("busy_threads")
def test_32_threads_are_counted_to_the_last_one() -> None:
    meter = Meter()
    start = threading.Barrier(32)

    def work(thread: int) -> None:
        start.wait()
        for number in range(500):
            meter(verified(f"user-{number}", tenant=f"t{thread % 4}"))
            meter(unverified(f"user-{thread}-{number}"))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    nobody, *tenants = meter.snapshot().groups
    assert (nobody.requests, nobody.verified) == (16_000, 0)
    assert nobody.principals == Principals(affected=16_000, stranded=16_000)
    assert [figures.verified for figures in tenants] == [4_000] * 4
    assert [figures.principals.verified for figures in tenants] == [500] * 4
    assert sum(row.requests for row in meter.totals()) == 32_000


def test_tenants_and_origins_beyond_the_limit_are_others() -> None:
    meter = Meter(max_tenants=10, max_origins=3)
    for number in range(2_000):
        meter(verified(tenant=f"t{number}", origin=f"https://{number % 50}.example"))
    groups = meter.snapshot().groups
    assert [figures.tenant for figures in groups] == ["other", *(f"t{n}" for n in range(10))]
    assert groups[0].requests == 1_990
    origins = {row.origin for figures in groups for row in figures.counts}
    assert origins == {"other", *(f"https://{n}.example" for n in range(3))}
    assert sum(figures.requests for figures in groups) == 2_000


def test_tenants_that_nobody_knows_take_no_place() -> None:
    meter = Meter(max_tenants=1)
    for number in range(100):
        meter(unverified(code="unknown_tenant", tenant=f"made-up-{number}"))
    meter(verified(tenant="acme"))
    assert [figures.tenant for figures in meter.snapshot().groups] == ["acme", "other"]


def test_a_tenant_whose_id_is_other_is_none_of_the_others() -> None:
    meter = Meter(max_tenants=3)
    for tenant in ("other", "'other'", "''other'", "brick", "clay"):
        meter(verified(tenant=tenant, origin=tenant))
    groups = {figures.tenant: figures.requests for figures in meter.snapshot().groups}
    assert groups == {"'other'": 1, "''other''": 1, "'''other''": 1, "other": 2}


@given(st.text("'other", max_size=9), st.text("'other", max_size=9))
@example("other", "'other'")
def test_two_ids_are_never_called_the_same(one: str, another: str) -> None:
    assert text_of(label_of(one)) == one
    assert label_of(one) != OTHER
    assert (label_of(one) == label_of(another)) == (one == another)


def test_what_is_called_other_is_nobodys_id() -> None:
    assert text_of(OTHER) == OTHER
    assert label_of("acme") == text_of("acme") == "acme"


def test_no_text_is_none() -> None:
    meter = Meter()
    for nothing in (None, ""):
        meter(verified(tenant=nothing, origin=nothing, environment=nothing))
    (row,) = meter.totals()
    assert row[1:4] == (None, None, None)
    assert only(meter).principals == Principals(verified=1)


@pytest.mark.parametrize("days", [0, -1, 31, 1.0, True, "7", None])
def test_days_that_cannot_be_asked_for_are_an_error(days: Any) -> None:
    with pytest.raises(ConfigurationError, match="days= must be a whole number from 1 to 30"):
        Meter().snapshot(days)


@pytest.mark.parametrize("hostile", ["t" * 513, "t\n", "\x1b[2J", "\ud800", "\u202e"])
def test_hostile_tenants_and_origins_are_no_labels(hostile: str) -> None:
    meter = Meter()
    meter(verified(tenant=hostile, origin=hostile))
    assert only(meter).tenant == "other"
    assert [row.origin for row in meter.totals()] == ["other"]


def test_there_are_only_so_many_rows() -> None:
    clock = Clock()
    meter = Meter(max_tenants=200, max_origins=200, clock=clock)
    for number in range(150 * 150):
        meter(verified(tenant=f"t{number % 150}", origin=f"https://{number // 150}.example"))
    rows = [row for figures in meter.snapshot().groups for row in figures.counts]
    assert len(rows) <= MOST_ROWS + 150
    assert len(meter.totals()) <= MOST_ROWS + 150
    assert sum(row.requests for row in rows) == 150 * 150
    assert sum(row.requests for row in meter.totals()) == 150 * 150
    assert {row.origin for row in rows} > {"other"}


def test_beyond_the_limit_principals_are_at_least_so_many() -> None:
    clock = Clock()
    meter = Meter(max_principals=10, clock=clock)
    for number in range(10):
        meter(unverified(f"made-up-{number}"))
    assert only(meter).principals == Principals(affected=10, stranded=10)
    meter(unverified("made-up-10"))
    assert only(meter).principals == Principals(affected=10, stranded=10, exact=False)
    meter(verified("user-1"))  # has a place of its own
    meter(unverified("made-up-3"))
    assert only(meter).principals == Principals(1, 10, 10, exact=False)
    clock.now += 8 * DAY
    meter(verified("user-1"))
    assert only(meter).principals == Principals(verified=1)
    clock.now += 38 * DAY
    meter(unverified("user-2"))
    assert only(meter).principals == Principals(affected=1, stranded=1)


def test_a_snapshot_is_plain_data_without_ids_or_tokens() -> None:
    meter = Meter()
    meter(verified("canary-user-1", key_id="0badcafe"))
    meter(proved("canary-user-2"))
    meter(unverified("canary-user-3", code="mismatch"))
    text = json.dumps(meter.snapshot()) + json.dumps(meter.totals()) + repr(meter)
    text += repr(meter.snapshot())
    assert "canary" not in text
    assert "0badcafe" not in text


def test_it_never_raises_and_says_once_that_it_could_not_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> float:
        raise OSError("canary")

    meter = Meter(clock=broken)
    for _ in range(3):
        meter(verified())
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("failed: meter_raised")
    assert "OSError" in record.getMessage()
    assert "canary" not in caplog.text


def test_without_a_store_there_is_nothing_to_flush() -> None:
    meter = Meter()
    meter(verified())
    assert meter.flush()


@pytest.mark.parametrize(
    "options",
    [
        {"max_tenants": 0},
        {"max_tenants": 1.5},
        {"max_origins": -1},
        {"max_origins": True},
        {"max_principals": "100"},
        {"store": "redis://localhost"},
        {"interval": 0},
        {"interval": -1},
        {"interval": "2"},
        {"interval": float("nan")},
        {"interval": float("inf")},
    ],
)
def test_limits_are_checked_when_it_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Meter(**options)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_begins_with_nothing_even_if_a_thread_of_the_parent_was_counting() -> None:
    meter = Meter()
    meter(verified())
    with meter._lock:
        child = os.fork()
        if child == 0:
            try:
                meter(unverified())
                counted = [row.verdict for row in meter.totals()] == ["missing"]
                os._exit(0 if counted and only(meter).requests == 1 else 1)
            finally:
                os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert [row.verdict for row in meter.totals()] == ["verified"]


_KINDS = st.tuples(
    st.integers(0, 12), st.sampled_from("abc"), st.sampled_from([None, "t"]), st.booleans()
)


@given(st.lists(_KINDS, max_size=40), st.integers(1, 12))
def test_it_agrees_with_a_naive_one(
    requests: list[tuple[int, str, str | None, bool]], days: int
) -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    for day, name, tenant, good in sorted(requests, key=lambda request: request[0]):
        clock.now = NOON + day * DAY
        meter((verified if good else unverified)(name, tenant=tenant))
    clock.now = NOON + 12 * DAY
    window = [request for request in requests if request[0] >= 12 - days]
    for figures in meter.snapshot(days).groups:
        mine = [request for request in window if request[2] == figures.tenant]
        proven = {name for _, name, _, good in mine if good}
        affected = {name for _, name, _, good in mine if not good}
        stranded = len(affected - proven)
        assert figures.principals == Principals(len(proven), len(affected), stranded)
        assert figures.requests == len(mine)
        assert figures.days_seen == len({day for day, *_ in mine})
    assert {figures.tenant for figures in meter.snapshot().groups} == {r[2] for r in requests}
