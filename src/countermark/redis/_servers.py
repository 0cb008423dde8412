"""Synchronous connections to the servers of a store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import redis
from redis.cluster import ClusterNode

from countermark.redis._connections import bounds, make_pool, once
from countermark.redis._directory import BySlot
from countermark.redis._exchange import Commands, code_of
from countermark.redis._target import Address
from countermark.redis._trip import Network


class Servers:
    """The pools of connections of this process, by the addresses of servers."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._clients: dict[Address, redis.Redis] = {}
        self._cluster: redis.RedisCluster | None = None

    def client(self, address: Address) -> redis.Redis:
        """Return the client of one server."""
        found = self._clients.get(address)
        if found is None:
            pool = make_pool(self._network.target, address, self._network.timeout)
            found = self._clients.setdefault(address, redis.Redis(connection_pool=pool))
            serves = self._network.directory.serves
            for old in [each for each in list(self._clients) if not serves(each)]:
                if old != address:  # a redirection may lead to a server that is not known yet
                    gone: Any = self._clients.pop(old, found)
                    gone.connection_pool.disconnect(inuse_connections=False)
        return found

    def cluster(self) -> redis.RedisCluster:
        """Return the client of the Cluster."""
        if self._cluster is None:
            directory = self._network.directory
            assert isinstance(directory, BySlot)  # noqa: S101
            target = self._network.target
            self._cluster = redis.RedisCluster(
                startup_nodes=[_node(*node) for node in directory.nodes if node],
                require_full_coverage=False,
                address_remap=target.remap,
                retry=once(),
                ssl=issubclass(target.connection_class, redis.SSLConnection),
                **(target.options | bounds(self._network.timeout)),
            )
        return self._cluster

    def exchange(self, address: Address, commands: Commands) -> Any:
        """Send commands on one connection; return what they return in the end."""
        pool: Any = self.client(address).connection_pool
        connection = pool.get_connection()
        try:
            return _converse(connection, commands)
        except redis.ResponseError as error:
            if code_of(error) == "READONLY":
                # A primary that became a replica, or a name that has another address now.
                connection.disconnect()
                pool.disconnect(inuse_connections=False)
            raise
        except BaseException:
            # A reply may still come, which must not be the reply of the next command.
            connection.disconnect()
            raise
        finally:
            pool.release(connection)

    def forget_cluster(self) -> None:
        """Make a new client of the Cluster at the next use."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()

    def close(self) -> None:
        """Close all connections."""
        self.forget_cluster()
        while self._clients:
            _, client = self._clients.popitem()
            pool: Any = client.connection_pool
            pool.disconnect()


_node: Any = ClusterNode


def _converse(connection: Any, commands: Commands) -> Any:
    step: Callable[[], Any] = partial(next, commands)
    while True:
        try:
            command = step()
        except StopIteration as end:
            return end.value
        try:
            connection.send_command(*command)
            reply = connection.read_response(disable_decoding=True)
        except Exception as error:
            if not isinstance(error, redis.ResponseError):
                connection.disconnect()
            step = partial(commands.throw, error)
        else:
            step = partial(commands.send, reply)
