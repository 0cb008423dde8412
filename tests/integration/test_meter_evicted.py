"""What a meter had written to Redis, and Redis has lost: it is noticed, and nothing is ready."""

from __future__ import annotations

from typing import Any

import pytest

from countermark.redis import RedisStore
from countermark.rollout import (
    DAY,
    GroupStats,
    Meter,
    Principals,
    is_ready,
    read_snapshot,
    readiness,
)
from tests.integration.redis_server import RedisServer
from tests.unit.verdicts import Clock, unverified, verified

NEVER = 3600.0  # seconds: such a meter writes when it is told to
LOST = "Redis has lost"


class Counted:
    """A Redis with nine days of verified requests, and somebody who had only another."""

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
        """Delete keys, as eviction does without a word to anybody."""
        for name in names:
            keys = self.client.keys(f"countermark:meter:{name}*")
            assert keys
            self.client.delete(*keys)

    def figures(self) -> GroupStats:
        (figures,) = read_snapshot(self.store, clock=self.clock).groups
        return figures

    def reasons(self) -> list[str]:
        snapshot = read_snapshot(self.store, clock=self.clock)
        (figures,) = snapshot.groups
        result = readiness(snapshot, figures)
        assert result.ready == is_ready(snapshot)
        return [" ".join(reason.split()[:3]) for reason in result.reasons]


@pytest.fixture
def counted(redis_server: RedisServer) -> Counted:
    return Counted(redis_server)


STRANDED = "1 principal had"


def test_where_nothing_is_lost_there_is_one_reason(counted: Counted) -> None:
    assert counted.reasons() == [STRANDED]
    assert counted.figures().complete


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
        ["counts", "first:", "last:", "last_unverified"],
        ["marks", "first:", "last:"],
    ],
)
def test_a_loss_is_never_ready_and_says_so(counted: Counted, names: list[str]) -> None:
    counted.lose(*names)
    assert LOST in counted.reasons()
    assert not counted.figures().complete
    assert not counted.figures().principals.exact
    # Neither do the same people bring back what was there, who are told of once a day.
    for number in range(1_500):
        counted.meter(verified(f"user-{number % 50}"))
    assert counted.meter.flush()
    assert LOST in counted.reasons()


def test_a_loss_is_remembered_when_others_have_filled_the_gap(counted: Counted) -> None:
    counted.lose("last_unverified")
    for number in range(3):
        counted.meter(unverified(f"user-{number}"))
    assert counted.meter.flush()
    assert counted.figures().principals == Principals(50, 4, 0, exact=False, claims_exact=False)
    counted.clock.now += 7 * DAY
    for number in range(4_000):
        counted.meter(verified(f"user-{number % 50}"))
    assert counted.meter.flush()
    assert counted.reasons() == [LOST]
    counted.clock.now += DAY
    assert counted.reasons() == []


@pytest.mark.parametrize("names", [["first:"], ["last:"]])
def test_in_the_place_of_lost_times_are_those_that_are_left(
    counted: Counted, names: list[str]
) -> None:
    before = counted.figures()
    counted.lose(*names)
    assert counted.figures() == before


def test_without_any_times_nothing_was_seen_for_long(counted: Counted) -> None:
    before = counted.figures()
    counted.lose("first:", "last:")
    now = counted.clock.now
    assert counted.figures() == before._replace(first_seen=now, last_seen=now)
    assert "the first request" in counted.reasons()


def evict(client: Any) -> None:
    """Let Redis evict sessions, which end before the meter's keys and so go first.

    A meter cannot tell which keys were evicted. If they were its own, the loss may last
    for longer than the days of a window.
    """
    client.config_set("maxmemory-policy", "volatile-ttl")
    client.config_set("maxmemory-samples", 64)  # of a few hundred keys, so that no pick is random
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
    for number in range(5_000):
        client.set(f"session:{number}", "x" * 1_000, ex=3_600)
        if client.info("stats")["evicted_keys"]:
            break
    else:
        raise AssertionError("it has not evicted anything")
    client.config_set("maxmemory", 0)


def test_after_redis_has_evicted_nothing_is_ready_until_the_days_are_over(
    counted: Counted, redis_server: RedisServer
) -> None:
    evict(counted.client)
    assert LOST in counted.reasons()
    counted.meter(verified("user-1"))
    assert counted.meter.flush()
    assert LOST in counted.reasons()
    # It counts anew when it begins again, and what it had evicted stays away.
    redis_server.kill()
    redis_server.start()
    assert LOST in counted.reasons()
    for days in (0, 8):
        counted.clock.now += days * DAY
        counted.meter(verified("user-1"))
        assert counted.meter.flush()
    assert counted.reasons() == []


@pytest.mark.parametrize("user", ["default", "limited"])
def test_who_may_not_ask_how_many_were_evicted_has_the_marks(
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
    (figures,) = read_snapshot(store, clock=clock).groups
    assert figures.complete == (user == "limited")
    client.delete(*client.keys("*:last_verified:*"))
    (figures,) = read_snapshot(store, clock=clock).groups
    assert not figures.complete


def test_redis_that_is_full_and_evicts_nothing_keeps_what_it_has(counted: Counted) -> None:
    client = counted.client
    client.config_set("maxmemory", 1)
    for _ in range(10):
        counted.meter(verified("user-1"))
        assert not counted.meter.flush()
    client.config_set("maxmemory", 0)
    assert counted.meter.flush()
    assert counted.figures().requests == 8 * 1_500 + 1 + 10
    assert counted.reasons() == [STRANDED]
