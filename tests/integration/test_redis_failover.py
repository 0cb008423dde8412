"""The Redis store while primaries change: it finds the new one, and sends nothing twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from countermark import StoreUnavailable
from countermark.redis import NotAcknowledged, RedisStore
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_sentinel import SentinelGroup
from tests.integration.redis_server import RedisServer
from tests.integration.servers import free_port

COUNT = "return redis.call('INCR', KEYS[1])"
TWO = "return {redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2])}"


Both = Callable[[RedisStore], list[Callable[..., Any]]]


@pytest.fixture
def both() -> Iterator[Both]:
    """Return ``run`` of a store, and ``arun`` in an event loop that stays open."""
    with asyncio.Runner() as runner:

        def ways(store: RedisStore) -> list[Callable[..., Any]]:
            return [
                store.run,
                lambda *args, **options: runner.run(store.arun(*args, **options)),
            ]

        yield ways


def until_it_is_acknowledged(run: Callable[..., Any], key: str) -> None:
    """Count until a replica has that too."""
    until = time.monotonic() + 20
    while True:
        try:
            run(f"{COUNT} > 0", [key], durable=1)
            return
        except StoreUnavailable:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_the_primary_that_sentinels_promote_is_found(
    sentinel_group: SentinelGroup, both: Both
) -> None:
    store = RedisStore(sentinel_group.url, prefix="promoted:", timeout=2, pause=0.1)
    key = store.key("g", "count")
    ways = both(store)
    assert [run(COUNT, [key], durable=number) for number, run in enumerate(ways, 1)] == [1, 2]
    sentinel_group.promote()
    # The former primary still takes writes, but no replica has them.
    for run in ways:
        until_it_is_acknowledged(run, key)
    new: Any = sentinel_group.primary().client()
    assert int(new.get(key)) >= 4
    assert store.ask(lambda client: client.get(key)) == new.get(key)
    sentinel_group.wait_until_ready()
    store.close()


def test_the_primary_of_a_slot_that_a_cluster_promotes_is_found(
    redis_cluster: ClusterGroup, both: Both
) -> None:
    store = RedisStore(redis_cluster.url, prefix="promoted:", timeout=2, pause=0.1)
    key = store.key("g", "count")
    ways = both(store)
    assert [run(COUNT, [key], durable=number) for number, run in enumerate(ways, 1)] == [1, 2]
    redis_cluster.promote(redis_cluster.replica_of(redis_cluster.primary_of(key)))
    # The former primary still answers, with a redirection.
    assert [run(COUNT, [key]) for run in ways] == [3, 4]
    assert store.ask(lambda client: client.get(key)) == "4"
    store.close()


def test_a_slot_that_is_moved_is_followed(redis_cluster: ClusterGroup, both: Both) -> None:
    store = RedisStore(redis_cluster.url, prefix="moved:", timeout=2)
    keys = [store.key("g", name) for name in ("a", "b")]
    ways = both(store)
    assert [run(TWO, keys) for run in ways] == [[1, 1], [2, 2]]
    source = redis_cluster.primary_of(keys[0])
    target = next(node for node in redis_cluster.nodes if node is not source and is_primary(node))
    redis_cluster.begin_move(keys[0], target)
    assert [run(TWO, keys) for run in ways] == [[3, 3], [4, 4]]
    client: Any = source.client()
    client.migrate("127.0.0.1", target.port, keys[0], 0, 5000)
    for run in ways:
        # Half of its keys have moved.
        with pytest.raises(StoreUnavailable, match="TryAgainError"):
            run(TWO, keys)
        # The script is not known there, and is sent in full.
        assert run("return redis.call('GET', KEYS[1])", keys[:1]) == "4"
    redis_cluster.move_keys(keys[0], source, target)
    assert [run(TWO, keys) for run in ways] == [[5, 5], [6, 6]]
    redis_cluster.end_move(keys[0], target)
    assert [run(TWO, keys) for run in ways] == [[7, 7], [8, 8]]
    redis_cluster.wait_until_ready()
    store.close()


def is_primary(node: RedisServer) -> bool:
    role: Any = node.client().role()
    return str(role[0]) == "master"


def test_a_server_that_became_a_replica_is_asked_again(
    redis_server: RedisServer, both: Both
) -> None:
    store = RedisStore(redis_server.url, timeout=5)
    key = store.key("g", "count")
    ways = both(store)
    assert [run(COUNT, [key]) for run in ways] == [1, 2]
    client: Any = redis_server.client()
    client.replicaof("127.0.0.1", free_port())
    for run in ways:
        with pytest.raises(StoreUnavailable, match="ReadOnlyError"):
            run(COUNT, [key])
    client.replicaof("NO", "ONE")
    assert [run(COUNT, [key]) for run in ways] == [3, 4]


def test_a_write_that_too_few_replicas_have_is_not_acknowledged(
    redis_server: RedisServer, both: Both
) -> None:
    store = RedisStore(redis_server.url, timeout=0.2, replicas=1)
    key = store.key("g", "count")
    ways = both(store)
    for number, run in enumerate(ways, 1):
        with pytest.raises(NotAcknowledged) as raised:
            run(COUNT, [key], durable=number)
        assert (raised.value.code, raised.value.kind) == ("store_unavailable", "NotAcknowledged")
    # It has been written, and the server is not left alone.
    assert [run(COUNT, [key], durable="another answer") for run in ways] == [3, 4]


def test_a_full_server_refuses_the_script_and_not_the_next_one(
    redis_server: RedisServer, both: Both
) -> None:
    store = RedisStore(redis_server.url, timeout=5, pause=3600)
    client: Any = redis_server.client()
    client.config_set("maxmemory", 1)
    for run in both(store):
        with pytest.raises(StoreUnavailable, match="OutOfMemoryError"):
            run(COUNT, [store.key("g", "count")])
    client.config_set("maxmemory", 0)
    assert [run(COUNT, [store.key("g", "count")]) for run in both(store)] == [1, 2]
