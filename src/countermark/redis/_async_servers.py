"""Asynchronous connections to the servers of a store, for each event loop its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from countermark.redis._connections import bounds
from countermark.redis._exchange import Commands, code_of
from countermark.redis._target import Address
from countermark.redis._trip import Network

_CLASSES: dict[type, type] = {
    redis.Connection: redis.asyncio.Connection,
    redis.SSLConnection: redis.asyncio.SSLConnection,
    redis.UnixDomainSocketConnection: redis.asyncio.UnixDomainSocketConnection,
}


class AsyncServers:
    """The pools of connections of each event loop, by the addresses of servers."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._class = _CLASSES.get(network.target.connection_class)
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pools] = WeakKeyDictionary()
        if self._class is not None:
            try:
                self._make(("localhost", 1))
            except TypeError:
                # An option of synchronous connections only, such as those of OCSP.
                self._class = None

    def usable(self) -> bool:
        """Return whether asyncio runs the caller, and there is a class of connections for it."""
        trio = sys.modules.get("trio")
        if self._class is None or (trio is not None and trio.lowlevel.in_trio_task()):
            return False
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return False
        return True

    async def exchange(self, address: Address, commands: Commands) -> Any:
        """Send commands on one connection; return what they return in the end."""
        pool: Any = (await self._of_loop()).get(address, partial(self._make, address))
        seconds = self._network.timeout
        async with asyncio.timeout(seconds):
            connection = await pool.get_connection()
        try:
            return await _converse(connection, commands, seconds)
        except redis.ResponseError as error:
            if code_of(error) == "READONLY":
                # A primary that became a replica, or a name that has another address now.
                await connection.disconnect(nowait=True)
                await pool.disconnect(inuse_connections=False)
            raise
        except BaseException:
            # After a timeout or a cancellation a reply may still come, which must not be the
            # reply of the next command.
            await connection.disconnect(nowait=True)
            raise
        finally:
            await pool.release(connection)

    async def close(self) -> None:
        """Close all connections of the running event loop."""
        pools = self._pools.pop(asyncio.get_running_loop(), None)
        if pools is not None:
            await pools.keeper.aclose()

    async def _of_loop(self) -> _Pools:
        loop = asyncio.get_running_loop()
        found = self._pools.get(loop)
        if found is None:
            found = self._pools[loop] = _Pools()
            await anext(found.keeper)
        return found

    def _make(self, address: Address) -> redis.asyncio.ConnectionPool:
        options = self._network.target.options | bounds(self._network.timeout)
        options["retry"] = Retry(NoBackoff(), 0)
        if address is not None and "path" not in options:
            options["host"], options["port"] = address
        pool: Any = redis.asyncio.ConnectionPool(connection_class=self._class or object, **options)
        pool.make_connection()
        made: redis.asyncio.ConnectionPool = pool
        return made


class _Pools:
    """The pools of one event loop. They are closed when it ends, or when nobody has them."""

    def __init__(self) -> None:
        self._by_address: dict[Address, redis.asyncio.ConnectionPool] = {}
        # Event loops close the asynchronous generators that are suspended when they end, and
        # those that are collected.
        self.keeper = _keep(self._by_address)

    def get(
        self, address: Address, make: Callable[[], redis.asyncio.ConnectionPool]
    ) -> redis.asyncio.ConnectionPool:
        found = self._by_address.get(address)
        if found is None:
            found = self._by_address[address] = make()
        return found


async def _keep(pools: dict[Address, redis.asyncio.ConnectionPool]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        for pool in pools.values():
            await pool.disconnect()
        pools.clear()


async def _converse(connection: Any, commands: Commands, seconds: float) -> Any:
    step: Callable[[], Any] = partial(next, commands)
    while True:
        try:
            command = step()
        except StopIteration as end:
            return end.value
        async with asyncio.timeout(seconds):
            await connection.send_command(*command)
            try:
                reply = await connection.read_response(disable_decoding=True)
            except redis.ResponseError as error:
                step = partial(commands.throw, error)
            else:
                step = partial(commands.send, reply)
