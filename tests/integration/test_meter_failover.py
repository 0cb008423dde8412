"""Meters with Sentinels and a Cluster: counts are exact although primaries lose writes."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from countermark import StoreUnavailable
from countermark.redis import RedisStore
from countermark.rollout import GroupStats, Meter, Principals, read_snapshot
from tests.integration.redis_cluster import ClusterGroup, slot_of
from tests.integration.redis_sentinel import SentinelGroup
from tests.integration.redis_server import RedisServer, wait_until
from tests.rollout.verdicts import unverified, verified

NEVER = 3600.0  # seconds: such a meter writes only when it is flushed


def cut_off(replica: RedisServer) -> None:
    """Let a replica lose its primary and not find it again, so that it misses writes."""
    client: Any = replica.client()
    client.config_set("masterauth", "none-is-wanted")
    client.client_kill_filter(_type="master")
    wait_until(lambda: client.info("replication")["master_link_status"] == "down", "a cut")


def mend(replica: RedisServer) -> None:
    client: Any = replica.client()
    client.config_set("masterauth", "")


def groups(store: RedisStore) -> dict[str | None, GroupStats]:
    return {stats.tenant: stats for stats in read_snapshot(store).groups}


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the reasons of the events, in order."""
    return [record.getMessage().split()[1] for record in caplog.records]


def test_counts_that_a_promoted_replica_lacks_are_written_again(
    sentinel_group: SentinelGroup, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisStore(sentinel_group.url, prefix="again:", timeout=1, pause=0)
    meter = Meter(store=store, interval=NEVER)
    for number in range(3):
        meter(verified(f"user-{number}"))
    wait_until(meter.flush, "an acknowledged write")
    [replica] = sentinel_group.replicas()
    cut_off(replica)
    for number in range(2, 5):
        meter(verified(f"user-{number}"))
        meter(unverified("user-9"))
        assert not meter.flush()
    assert groups(store)[None].requests == 9
    before = sentinel_group.kill_primary()
    sentinel_group.wait_for_another_primary(before)

    def are_written() -> bool:
        meter.flush()  # without success, as there is no replica that could acknowledge
        with contextlib.suppress(StoreUnavailable):
            return groups(store)[None].requests == 9
        return False

    wait_until(are_written, "the counts that the replica did not have")
    mend(replica)
    before.start()
    sentinel_group.wait_until_ready()
    meter(verified("user-1"))
    wait_until(meter.flush, "an acknowledged write")
    stats = groups(store)[None]
    assert (stats.requests, stats.complete) == (10, True)
    assert stats.principals == Principals(verified=5, affected=1, stranded=1)
    assert meter.lost == 0
    assert "meter_unreplicated" in messages(caplog)
    assert "meter_lost" not in messages(caplog)


def test_counts_that_are_not_kept_any_more_are_reported_as_lost(
    sentinel_group: SentinelGroup,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("countermark.rollout._redis_queue.HELD", 0)
    store = RedisStore(sentinel_group.url, prefix="lost:", timeout=1, pause=0, replicas=0)
    meter = Meter(store=store, interval=NEVER)
    meter(verified("user-1"))
    assert meter.flush()
    primary, [replica] = sentinel_group.primary(), sentinel_group.replicas()
    # Both have it: it is in the copy, or in the stream of changes.
    wait_until(lambda: replica.client().dbsize() == primary.client().dbsize(), "a copy")
    cut_off(replica)
    for _ in range(4):
        meter(verified("user-2"))
        assert meter.flush()
    sentinel_group.kill_primary()
    sentinel_group.wait_for_another_primary(primary)
    meter(verified("user-1"))
    wait_until(meter.flush, "an acknowledged write")
    stats = groups(store)[None]
    assert (stats.requests, stats.complete, meter.lost) == (2, False, 4)
    assert messages(caplog).count("meter_lost") == 1
    mend(replica)
    primary.start()
    sentinel_group.wait_until_ready()


def test_each_group_of_a_cluster_lies_in_one_slot(redis_cluster: ClusterGroup) -> None:
    store = RedisStore(redis_cluster.url, prefix="slots:", timeout=5)
    meter = Meter(store=store, interval=NEVER)
    for number in range(30):
        meter(verified(f"user-{number % 4}", tenant=f"t{number % 10}"))
        meter(unverified("user-1", tenant=f"t{number % 10}", origin="https://a.example"))
    wait_until(meter.flush, "an acknowledged write")
    read = groups(store)
    assert sorted(map(str, read)) == [f"t{number}" for number in range(10)]
    assert {stats.requests for stats in read.values()} == {6}
    assert all(stats.complete for stats in read.values())
    client: Any = redis_cluster.client()
    keys = list(client.scan_iter("slots:*"))
    tags = {key[key.index("{") : key.index("}")] for key in keys}
    assert len(tags) == len({slot_of(key) for key in keys}) == 11
    assert all(client.ttl(key) > 0 for key in keys)
    client.close()


def test_a_cluster_keeps_all_counts_through_a_failover(redis_cluster: ClusterGroup) -> None:
    store = RedisStore(redis_cluster.url, prefix="failover:", timeout=1, pause=0)
    meter = Meter(store=store, interval=0.05)

    def requests() -> None:
        for number in range(200):
            meter(verified(f"user-{number % 20}", tenant=f"t{number % 10}"))

    requests()
    wait_until(meter.flush, "an acknowledged write")
    key = store.key('["stigg", "live", "t1"]', "any")
    primary = redis_cluster.primary_of(key)
    replica = redis_cluster.replica_of(primary)
    cut_off(replica)
    requests()
    meter.flush()
    primary.kill()
    requests()
    redis_cluster.wait_for_another_primary(key, primary)
    requests()
    mend(replica)
    primary.start()
    redis_cluster.wait_until_ready()
    wait_until(meter.flush, "an acknowledged write")
    read = groups(store)
    assert [stats.requests for stats in read.values()] == [80] * 10
    assert all(stats.complete for stats in read.values())
    assert meter.lost == 0
