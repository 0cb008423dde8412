"""The servers that other tests use: reached as intended, and not otherwise."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.integration.redis_access import AclServer, TlsServer, UnixServer
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_sentinel import SentinelGroup
from tests.integration.redis_server import RedisServer
from tests.integration.tcp_proxy import TcpProxy, proxied_in_a_process

ONCE = Retry(NoBackoff(), 0)


def test_a_killed_server_keeps_its_data(server_binary: str, tmp_path: Path) -> None:
    server = RedisServer(server_binary, tmp_path)
    server.start()
    try:
        server.client().set("a", "1")
        server.restart()
        assert server.client().get("a") == "1"
        server.freeze()
        with pytest.raises(redis.TimeoutError):
            server.client(socket_timeout=0.1, retry=ONCE).ping()
        server.thaw()
        assert server.client().ping()
    finally:
        server.kill()


def test_a_tls_server_wants_a_certificate_and_no_plain_connection(tls_server: TlsServer) -> None:
    assert redis.Redis.from_url(tls_server.url).ping()
    without = {"ssl_certfile": None, "ssl_keyfile": None}
    unknown = {"ssl_ca_certs": str(tls_server.certificates.stranger)}
    for options in ({"ssl": False}, without, unknown):
        with pytest.raises(redis.ConnectionError):
            tls_server.client(**options, retry=ONCE).ping()


def test_an_acl_user_may_do_what_its_rules_allow(
    acl_server: Callable[[list[str]], AclServer],
) -> None:
    server = acl_server(["~mine:*", "+get"])
    with redis.Redis.from_url(server.url) as client:
        assert client.get("mine:a") is None
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get("other")
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.set("mine:a", 1)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=server.port, retry=ONCE).ping()


def test_a_unix_socket_is_the_only_address(unix_server: UnixServer) -> None:
    with redis.Redis.from_url(unix_server.url) as client:
        assert client.ping()


def test_sentinels_promote_a_replica(sentinel_group: SentinelGroup) -> None:
    client = sentinel_group.client()
    client.set("sentinel:a", "1")
    # On the same connection, otherwise there is nothing to wait for.
    assert client.wait(1, 5000) == 1
    before = sentinel_group.primary()
    sentinel_group.promote()
    assert sentinel_group.primary() is not before
    assert sentinel_group.client().get("sentinel:a") == "1"
    sentinel_group.wait_until_ready()


def test_a_cluster_moves_a_slot_and_promotes_a_replica(redis_cluster: ClusterGroup) -> None:
    client = redis_cluster.client()
    for number in range(20):
        client.set(f"{{moved}}:{number}", number)
    source = redis_cluster.primary_of("{moved}")
    target = next(node for node in redis_cluster.nodes[:3] if node is not source)
    assert redis_cluster.move("{moved}", target) == 20
    assert redis_cluster.primary_of("{moved}") is target
    replica = redis_cluster.replica_of(target)
    redis_cluster.promote(replica)
    assert redis_cluster.primary_of("{moved}") is replica
    assert client.get("{moved}:7") == "7"
    client.close()


def test_a_proxy_delays_stalls_drops_and_loses_answers(
    proxy: TcpProxy, redis_server: RedisServer
) -> None:
    client: Any = redis.Redis(port=proxy.port, socket_timeout=0.5, retry=ONCE)
    assert client.ping()
    proxy.delay = 0.1
    began = time.monotonic()
    assert client.ping()
    assert time.monotonic() - began >= 0.1
    proxy.delay = 0
    proxy.stall()
    with pytest.raises(redis.TimeoutError):
        client.set("stalled", 1)
    proxy.drop()
    for _ in range(3):
        with pytest.raises(redis.ConnectionError):
            client.ping()
    proxy.resume()
    assert client.ping()
    proxy.lose_answers()
    with pytest.raises(redis.ConnectionError):
        client.incr("lost")
    proxy.resume()
    assert client.get("lost") == b"1"
    client.close()


def test_a_proxy_in_a_process_of_its_own_passes_commands_on(redis_server: RedisServer) -> None:
    with (
        proxied_in_a_process(redis_server.port, 0.05) as port,
        contextlib.closing(redis.Redis(port=port)) as client,
    ):
        began = time.monotonic()
        assert client.ping()
        assert time.monotonic() - began >= 0.05
