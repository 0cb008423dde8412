"""Losses of keys in Redis are detected, and no group is ready after a loss."""

from __future__ import annotations

from typing import Any

import pytest

from countermark.redis import RedisStore
from countermark.rollout import (
    DAY,
    GroupStats,
    KeyUse,
    Meter,
    Principals,
    is_ready,
    read_snapshot,
    readiness,
)
from tests.integration.redis_server import RedisServer
from tests.rollout.verdicts import Clock, unverified, verified

NEVER = 3600.0  # seconds: such a meter writes only when it is flushed
LOST = "Redis has lost"


class Counted:
    """A Redis with nine days of verified requests, and one stranded principal."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.client: Any = server.client()
        self.store = RedisStore(server.url, pause=0, timeout=5)
        self.clock = Clock()
        self.meter = self.new_meter()
        for day in range(9):
            for number in range(1_500):
                self.meter(verified(f"user-{number % 50}"))
            if day == 5:
                self.meter(unverified("stranded"))
            assert self.meter.flush()
            self.clock.now += DAY
        self.clock.now -= DAY - 60

    def new_meter(self) -> Meter:
        return Meter(store=self.store, clock=self.clock, interval=NEVER)

    def lose(self, *names: str) -> None:
        """Delete keys without a trace, like an eviction."""
        for name in names:
            keys = self.client.keys(f"countermark:*meter:{name}*")
            assert keys
            self.client.delete(*keys)

    def stats(self) -> GroupStats:
        (stats,) = read_snapshot(self.store, clock=self.clock).groups
        return stats

    def reasons(self) -> list[str]:
        snapshot = read_snapshot(self.store, clock=self.clock)
        (stats,) = snapshot.groups
        result = readiness(snapshot, stats)
        assert result.ready == is_ready(snapshot)
        return [" ".join(reason.split()[:3]) for reason in result.reasons]


@pytest.fixture
def counted(redis_server: RedisServer) -> Counted:
    return Counted(redis_server)


STRANDED = "1 principal had"


def test_without_a_loss_there_is_only_the_reason_of_the_requests(counted: Counted) -> None:
    assert counted.reasons() == [STRANDED]
    assert counted.stats().complete


@pytest.mark.parametrize(
    "names",
    [
        ["counts"],
        [f"counts:{20_833 + 5}"],
        ["last_unverified"],
        ["last_verified"],
        ["marks"],
        ["marks", "last_unverified"],
        ["counts", "last_unverified"],
        ["counts", "times", "last_unverified"],
        ["marks", "times"],
    ],
)
def test_a_loss_is_reported_and_the_group_is_not_ready(counted: Counted, names: list[str]) -> None:
    counted.lose(*names)
    assert LOST in counted.reasons()
    assert not counted.stats().complete
    assert not counted.stats().principals.exact
    # New requests of the same principals do not hide the loss: they are reported once a day.
    for number in range(1_500):
        counted.meter(verified(f"user-{number % 50}"))
    assert counted.meter.flush()
    assert LOST in counted.reasons()


def test_a_loss_is_reported_even_if_new_principals_take_the_place_of_lost_ones(
    counted: Counted,
) -> None:
    counted.lose("last_unverified")
    for number in range(3):
        counted.meter(unverified(f"user-{number}"))
    assert counted.meter.flush()
    assert counted.stats().principals == Principals(50, 4, 0, exact=False, claims_exact=False)
    counted.clock.now += 7 * DAY
    for number in range(4_000):
        counted.meter(verified(f"user-{number % 50}"))
    assert counted.meter.flush()
    assert counted.reasons() == [LOST]
    counted.clock.now += DAY
    assert counted.reasons() == []


def test_without_any_times_the_first_request_is_taken_as_new(counted: Counted) -> None:
    before = counted.stats()
    counted.lose("times")
    now = counted.clock.now
    after = counted.stats()
    assert after.counts == before.counts
    assert (after.first_seen, after.last_seen, after.complete) == (now, now, False)
    assert "the first request" in counted.reasons()


def test_without_times_a_key_was_last_used_at_the_end_of_the_last_day_with_its_requests(
    counted: Counted,
) -> None:
    clock = counted.clock
    start = clock.now // DAY * DAY
    counted.meter(verified(role="previous"))
    clock.now += DAY
    counted.meter(verified())
    assert counted.meter.flush()
    assert counted.stats().key_use == KeyUse(clock.now, clock.now - DAY)
    counted.lose("times")
    clock.now += 60
    assert counted.stats().key_use == KeyUse(clock.now, start + DAY)


def test_without_the_register_of_groups_nothing_is_ready_until_the_window_has_passed(
    counted: Counted,
) -> None:
    counted.lose("last_groups")
    snapshot = read_snapshot(counted.store, clock=counted.clock)
    assert snapshot.groups == ()
    assert not is_ready(snapshot)
    for day in range(9):
        for number in range(1_500):
            counted.meter(verified(f"user-{number % 50}"))
        if not day:
            # A process of another day adds its groups again.
            counted.clock.now += DAY
            counted.meter(verified("user-1"))
        assert counted.meter.flush()
        assert (LOST in counted.reasons()) == (day < 7)
        counted.clock.now += DAY
    assert LOST not in counted.reasons()


def evict(client: Any) -> None:
    """Let Redis evict sessions. They expire before the keys of meters, so they go first.

    A meter cannot know which keys were evicted. If they were its own, the loss may last longer
    than the days of a window.
    """
    client.config_set("maxmemory-policy", "volatile-ttl")
    client.config_set(
        "maxmemory-samples", 64
    )  # there are a few hundred keys, so the picks are not random
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
    for number in range(5_000):
        client.set(f"session:{number}", "x" * 1_000, ex=3_600)
        if client.info("stats")["evicted_keys"]:
            break
    else:
        raise AssertionError("Redis has not evicted anything")
    client.config_set("maxmemory", 0)


def test_after_an_eviction_no_group_is_ready_until_the_window_has_passed(
    counted: Counted, redis_server: RedisServer
) -> None:
    evict(counted.client)
    assert LOST in counted.reasons()
    counted.meter(verified("user-1"))
    assert counted.meter.flush()
    assert LOST in counted.reasons()
    # After a restart, Redis counts evictions from 0 again. The loss must still be reported.
    redis_server.kill()
    redis_server.start()
    assert LOST in counted.reasons()
    for days in (0, 8):
        counted.clock.now += days * DAY
        counted.meter(verified("user-1"))
        assert counted.meter.flush()
    assert counted.reasons() == []


@pytest.mark.parametrize("user", ["default", "limited"])
def test_a_user_without_permission_for_info_detects_losses_by_marks(
    redis_server: RedisServer, user: str
) -> None:
    client: Any = redis_server.client()
    evict(client)
    client.acl_setuser(
        "limited", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-info"]
    )
    clock = Clock()
    store = RedisStore(redis_server.url.replace("//", f"//{user}:any@"), pause=0, timeout=5)
    meter = Meter(store=store, clock=clock, interval=NEVER)
    meter(verified("user-1"))
    assert meter.flush()
    (stats,) = read_snapshot(store, clock=clock).groups
    assert stats.complete == (user == "limited")
    client.delete(*client.keys("*last_verified:*"))
    (stats,) = read_snapshot(store, clock=clock).groups
    assert not stats.complete


def test_a_full_redis_that_evicts_nothing_loses_nothing(counted: Counted) -> None:
    client = counted.client
    client.config_set("maxmemory", 1)
    for _ in range(10):
        counted.meter(verified("user-1"))
        assert not counted.meter.flush()
    client.config_set("maxmemory", 0)
    assert counted.meter.flush()
    assert counted.stats().requests == 8 * 1_500 + 1 + 10
    assert counted.reasons() == [STRANDED]
