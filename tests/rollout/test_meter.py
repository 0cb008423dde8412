"""The meter in one process: its counts are exact and bounded, and contain no ids."""

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
from countermark.rollout import DAY, DayCount, GroupStats, Meter, Principals
from countermark.rollout._counters import MOST_ROWS
from countermark.rollout._snapshot import OTHER, label_of, text_of
from tests.rollout.verdicts import NOON, Clock, claim, proved, unverified, verified


def only(meter: Meter, days: int = 7) -> GroupStats:
    (stats,) = meter.snapshot(days).groups
    return stats


def test_requests_are_counted_by_all_their_attributes() -> None:
    meter = Meter(clock=Clock())
    for _ in range(3):
        meter(verified(origin="https://a.example"))
    meter(verified(role="previous"))
    meter(unverified(code="mismatch"))
    meter(unverified(code="retired_key", role="retired", by=None))
    meter(unverified(by="allowance"))
    stats = only(meter)
    assert stats.group == ("stigg", "live", None)
    assert [row[3:-1] for row in stats.counts] == [
        (None, None, "mismatch", "monitor", 1),
        (None, None, "missing", "allowance", 1),
        (None, "previous", "verified", "token", 1),
        (None, "retired", "retired_key", None, 1),
        ("https://a.example", "current", "verified", "token", 3),
    ]
    assert (stats.requests, stats.verified) == (7, 4)
    assert (stats.would_be_refused, stats.refused) == (3, 1)
    assert stats.by("admitted_by") == {"monitor": 1, "allowance": 1, "token": 4, None: 1}
    assert set(meter.totals()) == set(stats.counts)
    assert (stats.first_seen, stats.last_seen, stats.days_seen) == (NOON, NOON, 1)


def test_schemes_environments_and_tenants_are_groups() -> None:
    meter = Meter()
    for scheme in ("stigg", "cognito-flow"):
        for environment in (None, "live"):
            for tenant in (None, "acme"):
                meter(verified(scheme=scheme, environment=environment, tenant=tenant))
    groups = [stats.group for stats in meter.snapshot().groups]
    assert groups == [
        (scheme, environment, tenant)
        for scheme in ("cognito-flow", "stigg")
        for environment in (None, "live")
        for tenant in (None, "acme")
    ]


@pytest.mark.parametrize("code", REFUSALS)
def test_requests_that_are_not_verified_would_be_refused(code: str) -> None:
    meter = Meter()
    meter(unverified(code=code))
    assert (only(meter).would_be_refused, only(meter).verified) == (1, 0)


def test_a_principal_counts_once_for_any_number_of_requests() -> None:
    meter = Meter()
    for number in range(100):
        meter(verified(f"user-{number % 7}"))
        meter(unverified(f"user-{number % 10}"))
    assert only(meter).principals == Principals(verified=7, affected=10, stranded=3)


def test_a_principal_who_was_verified_once_is_not_stranded() -> None:
    meter = Meter()
    for verdicts in ((verified, unverified), (unverified, verified)):
        for verdict in verdicts:
            meter(verdict("user-1" if verdicts[0] is verified else "user-2"))
    assert only(meter).principals == Principals(verified=2, affected=2, stranded=0)


def test_the_verified_id_takes_precedence_over_the_claimed_one() -> None:
    meter = Meter()
    for verdict in (proved("user-1", "user-2"), proved("user-1"), proved(None, "user-1")):
        meter(verdict)
    assert only(meter).principals.verified == 1


@pytest.mark.parametrize("principal_id", [None, "", "x" * 513, 7])
def test_requests_without_a_valid_id_are_counted_without_a_principal(principal_id: Any) -> None:
    meter = Meter()
    meter(unverified(principal_id))
    assert only(meter).principals == Principals()
    assert only(meter).requests == 1


def test_the_same_id_in_two_tenants_is_two_principals() -> None:
    meter = Meter(max_tenants=1)
    for tenant in ("acme", "brick", "clay"):
        meter(verified("user-1", tenant=tenant))
    acme, other = meter.snapshot().groups
    assert (acme.tenant, acme.principals.verified) == ("acme", 1)
    assert (other.tenant, other.principals.verified) == ("other", 2)


def test_days_are_those_of_utc_and_a_window_starts_with_a_whole_day() -> None:
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


def test_the_requests_of_each_day_are_counted_by_key() -> None:
    clock = Clock(NOON - 8 * DAY)
    meter = Meter(clock=clock)
    meter(verified())
    clock.now = NOON - 3 * DAY
    for role in ("current", "previous", "previous", "next", "another"):
        meter(verified(role=role))
    meter(claim("user-7"))
    meter(unverified("user-8"))
    clock.now = NOON
    meter(unverified("user-8", code="retired_key", role="current"))
    (stats,) = meter.snapshot(7).groups
    midnight = int(NOON - DAY / 2)
    assert stats.by_day == (
        DayCount(midnight - 3 * DAY, 7, verified=5, claims=1, current=1, previous=2, next=1),
        DayCount(midnight, 1),
    )
    (stats,) = meter.snapshot(8).groups
    assert stats.by_day[0] == DayCount(midnight - 8 * DAY, 1, verified=1, current=1)
    assert sum(day.requests for day in stats.by_day) == stats.requests


def test_days_are_deleted_after_37_days_but_totals_are_kept() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    meter(verified("user-1", tenant="gone"))
    meter(unverified("user-2"))
    clock.now += 37 * DAY
    meter(verified("user-3"))
    assert {stats.tenant for stats in meter.snapshot(30).groups} == {None, "gone"}
    clock.now += DAY
    meter(verified("user-3"))
    stats = only(meter, 30)
    assert stats.tenant is None
    assert stats.first_seen == NOON + 37 * DAY
    assert stats.principals == Principals(verified=1)
    assert sum(row.requests for row in meter.totals()) == 4


def test_no_counts_are_lost_if_the_clock_is_set_back() -> None:
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
    """Let threads switch as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("busy_threads")
def test_all_requests_of_32_threads_are_counted() -> None:
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
    no_tenant, *tenants = meter.snapshot().groups
    assert (no_tenant.requests, no_tenant.verified) == (16_000, 0)
    assert no_tenant.principals == Principals(affected=16_000, stranded=16_000)
    assert [stats.verified for stats in tenants] == [4_000] * 4
    assert [stats.principals.verified for stats in tenants] == [500] * 4
    assert sum(row.requests for row in meter.totals()) == 32_000


def test_tenants_and_origins_above_the_limit_are_counted_as_other() -> None:
    meter = Meter(max_tenants=10, max_origins=3)
    for number in range(2_000):
        meter(verified(tenant=f"t{number}", origin=f"https://{number % 50}.example"))
    groups = meter.snapshot().groups
    assert [stats.tenant for stats in groups] == ["other", *(f"t{n}" for n in range(10))]
    assert groups[0].requests == 1_990
    origins = {row.origin for stats in groups for row in stats.counts}
    assert origins == {"other", *(f"https://{n}.example" for n in range(3))}
    assert sum(stats.requests for stats in groups) == 2_000


def test_unknown_tenants_take_no_room_from_known_ones() -> None:
    meter = Meter(max_tenants=1)
    for number in range(100):
        meter(unverified(code="unknown_tenant", tenant=f"made-up-{number}"))
    meter(verified(tenant="acme"))
    assert [stats.tenant for stats in meter.snapshot().groups] == ["acme", "other"]


def test_a_tenant_with_the_id_other_is_not_merged_with_the_others() -> None:
    meter = Meter(max_tenants=3)
    for tenant in ("other", "'other'", "''other'", "brick", "clay"):
        meter(verified(tenant=tenant, origin=tenant))
    groups = {stats.tenant: stats.requests for stats in meter.snapshot().groups}
    assert groups == {"'other'": 1, "''other''": 1, "'''other''": 1, "other": 2}


@given(st.text("'other", max_size=9), st.text("'other", max_size=9))
@example("other", "'other'")
def test_different_ids_have_different_labels(one: str, another: str) -> None:
    assert text_of(label_of(one)) == one
    assert label_of(one) != OTHER
    assert (label_of(one) == label_of(another)) == (one == another)


def test_the_label_other_is_the_label_of_no_id() -> None:
    assert text_of(OTHER) == OTHER
    assert label_of("acme") == text_of("acme") == "acme"


def test_an_empty_text_is_counted_as_none() -> None:
    meter = Meter()
    for nothing in (None, ""):
        meter(verified(tenant=nothing, origin=nothing, environment=nothing))
    (row,) = meter.totals()
    assert row[1:4] == (None, None, None)
    assert only(meter).principals == Principals(verified=1)


@pytest.mark.parametrize("days", [0, -1, 31, 1.0, True, "7", None])
def test_a_number_of_days_out_of_range_is_an_error(days: Any) -> None:
    with pytest.raises(ConfigurationError, match="days= must be a whole number from 1 to 30"):
        Meter().snapshot(days)


@pytest.mark.parametrize("hostile", ["t" * 513, "t\n", "\x1b[2J", "\ud800", "\u202e"])
def test_unprintable_or_long_tenants_and_origins_are_counted_as_other(hostile: str) -> None:
    meter = Meter()
    meter(verified(tenant=hostile, origin=hostile))
    assert only(meter).tenant == "other"
    assert [row.origin for row in meter.totals()] == ["other"]


def test_the_number_of_rows_is_limited() -> None:
    clock = Clock()
    meter = Meter(max_tenants=200, max_origins=200, clock=clock)
    for number in range(150 * 150):
        meter(verified(tenant=f"t{number % 150}", origin=f"https://{number // 150}.example"))
    rows = [row for stats in meter.snapshot().groups for row in stats.counts]
    assert len(rows) <= MOST_ROWS + 150
    assert len(meter.totals()) <= MOST_ROWS + 150
    assert sum(row.requests for row in rows) == 150 * 150
    assert sum(row.requests for row in meter.totals()) == 150 * 150
    assert {row.origin for row in rows} > {"other"}


def test_above_the_limit_the_numbers_of_principals_are_lower_bounds() -> None:
    clock = Clock()
    meter = Meter(max_principals=10, clock=clock)
    for number in range(10):
        meter(unverified(f"made-up-{number}"))
    assert only(meter).principals == Principals(affected=10, stranded=10)
    meter(unverified("made-up-10"))
    assert only(meter).principals == Principals(affected=10, stranded=10, exact=False)
    meter(verified("user-1"))  # verified principals have a limit of their own
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


def test_it_never_raises_and_emits_one_event_about_failures(
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


def test_flush_succeeds_without_a_store() -> None:
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
def test_invalid_limits_are_configuration_errors(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Meter(**options)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_process_starts_with_no_counts_even_if_the_parent_held_the_lock() -> None:
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
def test_its_counts_equal_those_of_a_naive_implementation(
    requests: list[tuple[int, str, str | None, bool]], days: int
) -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    for day, name, tenant, good in sorted(requests, key=lambda request: request[0]):
        clock.now = NOON + day * DAY
        meter((verified if good else unverified)(name, tenant=tenant))
    clock.now = NOON + 12 * DAY
    window = [request for request in requests if request[0] >= 12 - days]
    for stats in meter.snapshot(days).groups:
        mine = [request for request in window if request[2] == stats.tenant]
        proven = {name for _, name, _, good in mine if good}
        affected = {name for _, name, _, good in mine if not good}
        stranded = len(affected - proven)
        assert stats.principals == Principals(len(proven), len(affected), stranded)
        assert stats.requests == len(mine)
        assert stats.days_seen == len({day for day, *_ in mine})
    assert {stats.tenant for stats in meter.snapshot().groups} == {r[2] for r in requests}
