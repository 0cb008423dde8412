"""The Redis store over every topology, by URL and by a client that the user already has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.cluster
import redis.sentinel
import trio

from countermark import StoreUnavailable
from countermark.redis import RedisStore
from tests.integration.redis_access import TlsServer, UnixServer
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_sentinel import SentinelGroup
from tests.integration.redis_server import RedisServer, wait_until
from tests.integration.servers import free_port

# Partly without types.
Sentinel: Any = redis.sentinel.Sentinel
AsyncSentinel: Any = redis.asyncio.sentinel.Sentinel
ClusterNode: Any = redis.cluster.ClusterNode

COUNT = "return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)"


def works(store: RedisStore) -> None:
    """Use *store* in each of its ways."""
    key = store.key("a group with spaces", "counts")
    first = store.run(COUNT, [key], ["field"])
    assert store.run(COUNT, [key], ["field"], durable=first + 1) == first + 1
    for _ in range(2):
        assert store.ask(lambda client: client.hget(key, "field")) == str(first + 1)

    async def twice() -> list[Any]:
        return [await store.arun(COUNT, [key], ["field"]) for _ in range(2)]

    assert asyncio.run(twice()) == [first + 2, first + 3]
    assert trio.run(twice) == [first + 4, first + 5]
    store.close()
    assert asyncio.run(twice()) == [first + 6, first + 7]
    assert store.run(COUNT, [key], ["field"]) == first + 8
    store.close()


def stores(url: str, *clients: Any) -> Iterator[RedisStore]:
    yield RedisStore(url, timeout=5)
    for client in clients:
        yield RedisStore(client=client, timeout=5)


def test_a_single_server(redis_server: RedisServer) -> None:
    options: Any = {"host": "127.0.0.1", "port": redis_server.port}
    for store in stores(redis_server.url, redis.Redis(**options), redis.asyncio.Redis(**options)):
        works(store)


def test_valkey(valkey_server: RedisServer) -> None:
    for store in stores(valkey_server.url.replace("redis:", "valkey:")):
        works(store)


def test_tls_with_an_own_authority_and_a_client_certificate(tls_server: TlsServer) -> None:
    for store in stores(
        tls_server.url,
        redis.Redis.from_url(tls_server.url),
        redis.asyncio.Redis.from_url(tls_server.url),
        tls_server.client(),
    ):
        works(store)


def test_tls_with_an_option_that_asynchronous_connections_lack(tls_server: TlsServer) -> None:
    """Then a thread waits, rather than a connection that checks less."""
    [store] = stores(f"{tls_server.url}&ssl_ocsp_expected_cert=unused")
    works(store)


def test_a_unix_socket(unix_server: UnixServer) -> None:
    path = str(unix_server.path)
    for store in stores(
        unix_server.url,
        redis.Redis(unix_socket_path=path),
        redis.asyncio.Redis(unix_socket_path=path),
    ):
        works(store)


def test_sentinels(sentinel_group: SentinelGroup) -> None:
    nodes = [("127.0.0.1", port) for port in sentinel_group.sentinel_ports]
    name = sentinel_group.SERVICE
    for store in stores(
        sentinel_group.url,
        Sentinel(nodes).master_for(name),
        AsyncSentinel(nodes).master_for(name),
    ):
        assert store.replicas == 1
        works(store)


def test_a_cluster(redis_cluster: ClusterGroup) -> None:
    [node] = redis_cluster.nodes[:1]
    client = redis.RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", node.port)])
    for store in stores(
        redis_cluster.url, client, redis.asyncio.RedisCluster("127.0.0.1", node.port)
    ):
        assert store.replicas == 1
        works(store)
    client.close()


def test_a_node_of_a_cluster_without_slots_and_without_an_address(
    need_binary: Callable[[str], str], tmp_path: Path
) -> None:
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    node = RedisServer(need_binary("redis-server"), tmp_path, options)
    node.start()
    try:
        store = RedisStore(f"redis+cluster://127.0.0.1:{node.port}", timeout=5, replicas=0, pause=0)
        with pytest.raises(StoreUnavailable, match="ConnectionError"):
            store.run(COUNT, [store.key("g", "counts")], ["field"])
        client: Any = node.client()
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: client.cluster("INFO")["cluster_state"] == "ok", "a cluster", 20)
        works(store)
    finally:
        node.kill()


def test_a_cluster_that_announces_addresses_of_another_network(
    need_binary: Callable[[str], str], tmp_path: Path
) -> None:
    options = [
        "--cluster-enabled", "yes", "--cluster-port", str(free_port()),
        "--cluster-announce-ip", "203.0.113.7",
    ]  # fmt: skip
    node = RedisServer(need_binary("redis-server"), tmp_path, options)
    node.start()
    try:
        own: Any = node.client()
        own.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: own.cluster("INFO")["cluster_state"] == "ok", "a cluster", 20)
        given: Any = {
            "host": "127.0.0.1",
            "port": node.port,
            "address_remap": lambda address: ("127.0.0.1", address[1]),
        }
        for client in (redis.RedisCluster(**given), redis.asyncio.RedisCluster(**given)):
            works(RedisStore(client=client, timeout=5, replicas=0))
    finally:
        node.kill()
