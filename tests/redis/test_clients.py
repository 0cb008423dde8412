"""Stores made of clients that the user already has: what they take from them, without a Redis."""

from __future__ import annotations

from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.cluster
import redis.sentinel

from countermark import ConfigurationError
from countermark.redis import RedisStore

Sentinel: Any = redis.sentinel.Sentinel
AsyncSentinel: Any = redis.asyncio.sentinel.Sentinel


def options_of(store: RedisStore) -> dict[str, Any]:
    """Return the options of the connections that a store with a single server makes."""
    found: dict[str, Any] = store.ask(lambda client: client.connection_pool.connection_kwargs)
    return found


@pytest.mark.parametrize("module", [redis, redis.asyncio])
def test_a_client_gives_its_address_and_credentials(module: Any) -> None:
    client = module.Redis(host="redis.example", port=1234, db=5, username="user", password="word")
    store = RedisStore(client=client, timeout=0.5)
    options = options_of(store)
    taken = {name: options[name] for name in ("host", "port", "db", "username", "password")}
    assert taken == {
        "host": "redis.example", "port": 1234, "db": 5, "username": "user", "password": "word"
    }  # fmt: skip
    # The client has none of these.
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.5
    assert (options["protocol"], options["decode_responses"]) == (2, True)
    assert "word" not in repr(store)


@pytest.mark.parametrize("module", [redis, redis.asyncio])
def test_a_client_gives_its_options_for_tls(module: Any) -> None:
    client = module.Redis(host="redis.example", ssl=True, ssl_ca_certs="/ca", ssl_cert_reqs="none",
                          ssl_check_hostname=False)  # fmt: skip
    store = RedisStore(client=client)
    options = options_of(store)
    assert (options["ssl_ca_certs"], options["ssl_cert_reqs"]) == ("/ca", "none")
    assert options["ssl_check_hostname"] is False
    connection = store.ask(lambda client: client.connection_pool.make_connection())
    assert isinstance(connection, redis.SSLConnection)


@pytest.mark.parametrize("module", [redis, redis.asyncio])
def test_a_client_gives_its_provider_of_credentials(module: Any) -> None:
    provider = redis.UsernamePasswordCredentialProvider("user", "word")
    store = RedisStore(client=module.Redis(credential_provider=provider))
    assert options_of(store)["credential_provider"] is provider


@pytest.mark.parametrize("module", [redis, redis.asyncio])
def test_a_client_gives_its_unix_socket(module: Any) -> None:
    store = RedisStore(client=module.Redis(unix_socket_path="/run/redis.sock"))
    assert options_of(store)["path"] == "/run/redis.sock"


@pytest.mark.parametrize("kind", [Sentinel, AsyncSentinel], ids=["redis", "redis.asyncio"])
def test_a_client_of_sentinels_gives_their_addresses_and_both_credentials(kind: Any) -> None:
    sentinels = kind(
        [("one", 1), ("two", 2)],
        sentinel_kwargs={"password": "theirs", "ssl": True, "ssl_ca_certs": "/ca"},
        password="the servers'",
        ssl=True,
    )
    store = RedisStore(client=sentinels.master_for("main"))
    assert store.replicas == 1
    target = store._network.target
    assert (target.nodes, target.service) == ([("one", 1), ("two", 2)], "main")
    assert target.options["password"] == "the servers'"
    assert target.connection_class is redis.SSLConnection
    assert target.sentinel_options["password"] == "theirs"
    assert (target.sentinel_options["ssl"], target.sentinel_options["ssl_ca_certs"]) == (
        True, "/ca"
    )  # fmt: skip


def test_an_asynchronous_client_of_a_cluster_gives_its_nodes() -> None:
    client = redis.asyncio.RedisCluster("127.0.0.1", 7000, password="word", ssl=True)
    target = RedisStore(client=client)._network.target
    assert (target.nodes, target.options["password"]) == ([("127.0.0.1", 7000)], "word")
    assert target.connection_class is redis.SSLConnection


@pytest.mark.parametrize("given", ["redis://:word@localhost", object(), redis.Redis])
def test_anything_else_is_refused_and_not_shown(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="client= must be a Redis") as raised:
        RedisStore(client=given)
    assert "word" not in str(raised.value)


def test_a_class_of_connections_that_is_unknown_is_refused() -> None:
    class Own(redis.Connection):
        pass

    pool = redis.ConnectionPool(connection_class=Own)
    with pytest.raises(ConfigurationError, match="connections of the class Own"):
        RedisStore(client=redis.Redis(connection_pool=pool))


def test_no_address_is_no_store() -> None:
    with pytest.raises(ConfigurationError, match="either a URL or client="):
        RedisStore()
