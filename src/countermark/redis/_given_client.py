"""The target of a client that the user already has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.sentinel import SentinelConnectionPool

from countermark.errors import ConfigurationError
from countermark.redis._target import Address, Target

# The options of connections that concern the server, and all that begin with ssl_.
_KEPT = frozenset(
    {"client_name", "credential_provider", "db", "password", "path", "socket_keepalive",
     "socket_keepalive_options", "username"}
)  # fmt: skip

# Whether the certificate of the server is checked. False and None are values too.
_CHECKS = frozenset({"ssl_cert_reqs", "ssl_check_hostname"})

# The classes of synchronous connections by the names that redis-py uses in both worlds.
_CLASSES: dict[str, type] = {
    "Connection": redis.Connection,
    "SSLConnection": redis.SSLConnection,
    "UnixDomainSocketConnection": redis.UnixDomainSocketConnection,
    "SentinelManagedConnection": redis.Connection,
    "SentinelManagedSSLConnection": redis.SSLConnection,
}


def target_of_client(client: Any) -> Target:
    """Return the target of a client of redis-py.

    Raises:
        ConfigurationError: It is another object, or its connections are of a class of their own.
    """
    if isinstance(client, redis.RedisCluster | redis.asyncio.RedisCluster):
        return _cluster(client)
    if not isinstance(client, redis.Redis | redis.asyncio.Redis):
        raise ConfigurationError(
            "client= must be a Redis or RedisCluster of redis or redis.asyncio, not"
            f" {type(client).__name__}; give the URL instead"
        )
    pool: Any = client.connection_pool
    if isinstance(pool, SentinelConnectionPool | AsyncSentinelConnectionPool):
        return _sentinel(pool)
    return Target("single", [_address(pool)], _class(pool.connection_class), _kept(pool))


def _cluster(client: Any) -> Target:
    manager = client.nodes_manager
    options = manager.connection_kwargs
    given = options.get("connection_class", redis.Connection)
    known: Iterable[Any] = [*manager.startup_nodes.values(), *manager.nodes_cache.values()]
    nodes: list[Address] = list(dict.fromkeys((node.host, int(node.port)) for node in known))
    connection_class = redis.SSLConnection if options.get("ssl") else _class(given)
    kept = _kept(manager)
    kept.pop("db", None)
    return Target("cluster", nodes, connection_class, kept, remap=manager.address_remap)


def _sentinel(pool: Any) -> Target:
    nodes: list[Address] = []
    options: dict[str, Any] = {}
    for client in pool.sentinel_manager.sentinels:
        own = client.connection_pool
        nodes.append(_address(own))
        options = _kept(own)
        if _class(own.connection_class) is redis.SSLConnection:
            options["ssl"] = True
    return Target(
        "sentinel",
        nodes,
        _class(pool.connection_class),
        _kept(pool),
        service=pool.service_name,
        sentinel_options=options,
    )


def _address(pool: Any) -> Address:
    options = pool.connection_kwargs
    if "path" in options:
        return None
    return options.get("host", "localhost"), int(options.get("port", 6379))


def _class(given: type) -> type:
    """Return the synchronous twin of a class of connections."""
    if given.__module__.startswith("redis.") and given.__name__ in _CLASSES:
        return _CLASSES[given.__name__]
    raise ConfigurationError(
        f"client= has connections of the class {given.__name__}; the store needs one of redis-py"
    )


def _kept(holder: Any) -> dict[str, Any]:
    options: dict[str, Any] = holder.connection_kwargs
    return {
        name: value
        for name, value in options.items()
        if name in _CHECKS or (value and (name in _KEPT or name.startswith("ssl_")))
    }
