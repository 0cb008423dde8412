"""The numbered batches of a meter: kept as long as needed, and not longer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from countermark import StoreUnavailable
from countermark.redis import RedisStore
from countermark.rollout import DAY, Meter, Principals, read_snapshot
from countermark.rollout._redis_keys import ALL, key_of
from tests.integration.redis_access import AclServer
from tests.integration.redis_server import RedisServer
from tests.integration.test_meter_redis import NEVER, Losing, only, store_of
from tests.rollout.verdicts import Clock, unverified, verified


def kept(meter: Meter) -> int:
    """Return the number of batches that a meter keeps."""
    writer: Any = meter._write_behind
    return sum(len(queue.sent) for queue in writer._queues.values())


@contextlib.contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch, beginnings: set[str]) -> Iterator[None]:
    """Let the server of the keys with these beginnings not answer."""
    run = RedisStore.run

    def refuse(self: RedisStore, script: str, keys: list[str], *args: Any, **options: Any) -> Any:
        if any(keys[0].startswith(each) for each in beginnings):
            raise StoreUnavailable("it does not answer")
        return run(self, script, keys, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(RedisStore, "run", refuse)
        yield


def test_without_the_replicas_that_must_acknowledge_all_is_written_and_flush_returns_false(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisStore(redis_server.url, pause=0, timeout=0.2, replicas=1)
    meter = Meter(store=store, interval=NEVER)
    for requests in range(1, 4):
        meter(verified("user-1"))
        meter(verified("user-1", tenant="acme"))
        assert not meter.flush()
        assert [stats.requests for stats in read_snapshot(store).groups] == [requests] * 2
    assert kept(meter) == 3 + 3 + 1
    [record] = caplog.records
    assert record.getMessage().startswith("failed: meter_unreplicated")


def test_the_batches_that_are_kept_are_limited(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countermark.rollout._redis_writer._MOST_KEPT", 3_000)
    store = RedisStore(redis_server.url, pause=0, timeout=0.2, replicas=1)
    meter = Meter(store=store, interval=NEVER)
    for number in range(8):
        meter(verified("user-1", tenant=f"t{number % 2}"))
        assert not meter.flush()
    assert 2 <= kept(meter) <= 6
    assert [stats.requests for stats in read_snapshot(store).groups] == [4, 4]
    monkeypatch.setattr("countermark.rollout._redis_writer._MOST_KEPT", 0)
    redis_server.kill()
    meter(verified("user-1", tenant="t0"))
    assert not meter.flush()
    # What the server does not have is never dropped.
    assert kept(meter) == 1
    redis_server.start()
    assert not meter.flush()
    assert [stats.requests for stats in read_snapshot(store).groups] == [5, 4]
    assert (kept(meter), meter.lost) == (0, 0)


def test_a_meter_that_dropped_all_batches_still_asks_for_acknowledgement(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("countermark.rollout._redis_writer._MOST_KEPT", 0)
    store = RedisStore(redis_server.url, pause=0, timeout=0.2, replicas=1)
    meter = Meter(store=store, interval=NEVER)
    meter(verified("user-1"))
    assert not meter.flush()
    assert not meter.flush()
    assert kept(meter) == 0
    store.replicas = 0  # as if a replica had come
    assert meter.flush()
    store.replicas = 1
    meter(verified("user-1"))
    assert not meter.flush()
    redis_server.client().flushall()
    assert not meter.flush()
    assert meter.lost == 2
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "failed: meter_unreplicated",
        "failed: meter_unreplicated",
        "failed: meter_lost",
    ]


def test_the_principals_that_wait_for_one_server_are_limited(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countermark.rollout._redis_batch._MOST_WAITING", 5)
    store = store_of(redis_server)
    meter = Meter(store=store, interval=NEVER)
    with refusing(monkeypatch, {key_of(store, ("stigg", "live", "t0"), "")}):
        for number in range(60):
            meter(verified(f"user-{number}", tenant="t0"))
            assert not meter.flush()
    assert meter.flush()
    stats = only(store)
    assert (stats.requests, stats.complete) == (60, True)
    assert 5 <= stats.principals.verified <= 7
    assert not stats.principals.exact


def test_a_batch_whose_fate_is_unknown_is_given_up_after_its_number_has_expired(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Losing(redis_server.url, pause=0, timeout=5)
    meter = Meter(store=store, interval=NEVER)
    meter(verified("user-1"))
    assert meter.flush()
    meter(verified("user-1"))
    store.lose = 1
    assert not meter.flush()
    monkeypatch.setattr("countermark.rollout._redis_queue._RENEWED_AFTER", 0)
    client: Any = redis_server.client()
    for key in client.keys("*:written:*"):
        client.delete(key)
    meter(verified("user-2"))
    assert meter.flush()
    stats = only(store)
    assert (stats.requests, stats.complete, meter.lost) == (3, False, 1)


def test_a_worker_begins_with_a_new_number_after_days_without_requests(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countermark.rollout._redis_queue._RENEWED_AFTER", 0)
    monkeypatch.setattr("countermark.rollout._redis_queue.HELD", 0)
    store, client = store_of(redis_server), redis_server.client()
    meter = Meter(store=store, interval=NEVER)
    for requests in range(1, 4):
        meter(verified("user-1"))
        assert meter.flush()
        stats = only(store)
        assert (stats.requests, stats.complete, meter.lost) == (requests, True, 0)
        for key in client.keys("*:written:*"):
            client.delete(key)
    assert kept(meter) == 0


def test_if_the_salt_was_lost_no_group_is_complete(redis_server: RedisServer) -> None:
    store, clock = store_of(redis_server), Clock()
    early, late = (Meter(store=store, clock=clock, interval=NEVER) for _ in range(2))
    early(verified("user-1"))
    assert early.flush()
    redis_server.client().delete(key_of(store, ALL, "salt"))
    late(unverified("user-1"))
    assert late.flush()
    clock.now += DAY
    early(verified("user-1"))
    assert early.flush()
    stats = only(store, clock=clock)
    assert (stats.requests, stats.complete) == (3, False)


def test_a_batch_that_is_written_in_part_for_want_of_a_right_makes_its_group_incomplete(
    acl_server: Callable[[list[str]], AclServer],
) -> None:
    server = acl_server(["~*", "+@all", "-pfadd"])
    store = RedisStore(server.url, pause=0, timeout=5)
    meter = Meter(store=store, interval=NEVER)
    meter(verified("user-1"))
    meter(unverified("user-2"))
    assert not meter.flush()
    client: Any = server.client()
    client.execute_command("ACL SETUSER", AclServer.USER, "+pfadd")
    assert meter.flush()
    stats = only(store)
    assert (stats.requests, stats.complete) == (2, False)


def test_many_principals_are_written_in_several_scripts(redis_server: RedisServer) -> None:
    store = store_of(redis_server)
    meter = Meter(store=store, interval=NEVER)
    for number in range(2_500):
        meter(verified(f"user-{number}"))
        meter(unverified(f"user-{number // 2}"))
    assert meter.flush()
    stats = only(store)
    assert (stats.requests, stats.complete) == (5_000, True)
    assert stats.principals == Principals(verified=2_500, affected=1_250)
    assert kept(meter) == 4 + 1


def test_the_rows_of_a_process_are_limited_while_redis_is_unavailable(
    redis_server: RedisServer,
) -> None:
    store = store_of(redis_server)
    meter = Meter(store=store, max_tenants=200, max_origins=50, interval=NEVER)
    for tenant in range(120):
        for origin in range(50):
            meter(verified(None, tenant=f"t{tenant}", origin=f"https://{origin}.example"))
    assert meter.flush()
    groups = read_snapshot(store).groups
    assert sum(stats.requests for stats in groups) == 6_000
    assert 5_000 <= sum(len(stats.counts) for stats in groups) <= 5_120


def test_a_group_whose_keys_are_all_lost_is_not_complete(redis_server: RedisServer) -> None:
    store, client = store_of(redis_server), redis_server.client()
    meter = Meter(store=store, interval=NEVER)
    meter(verified("user-1"))
    assert meter.flush()
    client.delete(*client.keys(key_of(store, ("stigg", "live", None), "*")))
    assert (only(store).requests, only(store).complete) == (0, False)


def test_groups_without_a_problem_are_written_before_the_others(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(redis_server)
    meter = Meter(store=store, interval=NEVER)
    refused = {key_of(store, ("stigg", "live", f"t{number}"), "") for number in range(4)}
    with refusing(monkeypatch, refused):
        for number in range(8):
            meter(verified("user-1", tenant=f"t{number}"))
        assert not meter.flush()
        assert not meter.flush()
    read = {stats.tenant: stats.requests for stats in read_snapshot(store).groups}
    assert [read[f"t{number}"] for number in range(4, 8)] == [1] * 4
    assert meter.flush()
    assert [stats.requests for stats in read_snapshot(store).groups] == [1] * 8
