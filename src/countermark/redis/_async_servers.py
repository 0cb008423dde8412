"""Asynchronous connections to the servers of a store, for each event loop its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from countermark.redis._connections import bounds
from countermark.redis._exchange import BUSY, Commands, code_of
from countermark.redis._target import Address
from countermark.redis._trip import Network


class _ClosedAtOnce:
    """Connections that do not say goodbye.

    With TLS a close waits for the answer of the server. A silent server gives none, and an
    event loop that ends does not wait for it.
    """

    _writer: asyncio.StreamWriter | None

    async def disconnect(self, *args: Any, **options: Any) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(*args, **options)  # type: ignore[misc]

    def __del__(self, *_: Any) -> None:
        # The garbage collector, in any thread, may find a connection before the generator that
        # would close it.
        writer: Any = getattr(self, "_writer", None)
        self._writer = None
        if writer is not None and not writer._loop.is_closed():  # noqa: SLF001
            if _is_running(writer._loop):  # noqa: SLF001
                _abort(writer)
            else:
                writer._loop.call_soon_threadsafe(_abort, writer)  # noqa: SLF001


def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def _is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether *loop* runs the caller."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class _Plain(_ClosedAtOnce, redis.asyncio.Connection):
    pass


class _TLS(_ClosedAtOnce, redis.asyncio.SSLConnection):
    pass


class _Unix(_ClosedAtOnce, redis.asyncio.UnixDomainSocketConnection):
    pass


_CLASSES: dict[type, type] = {
    redis.Connection: _Plain,
    redis.SSLConnection: _TLS,
    redis.UnixDomainSocketConnection: _Unix,
}

# The most connections of one event loop to one server.
_MOST_CONNECTIONS = 100


class AsyncServers:
    """The pools of connections of each event loop, by the addresses of servers."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._class: type | None = _CLASSES[network.target.connection_class]
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pools] = WeakKeyDictionary()
        try:
            self._make(("localhost", 1))
        except TypeError:
            # An option of synchronous connections only, such as those of OCSP.
            self._class = None

    def usable(self) -> bool:
        """Return false if a thread is needed: under trio, or for want of an option."""
        trio = sys.modules.get("trio")
        return self._class is not None and not (trio and trio.lowlevel.in_trio_task())

    async def exchange(self, address: Address, commands: Commands) -> Any:
        """Send commands on one connection; return what they return in the end."""
        pools = await self._of_loop()
        pool = await self._pool(pools, address)
        try:
            async with asyncio.timeout(self._network.timeout):
                await pool.free.acquire()
        except TimeoutError:
            # Not the timeout of the server: a crowd of requests must not begin a pause.
            raise BUSY("all connections are in use") from None
        try:
            return await self._exchange(pools, pool, address, commands)
        finally:
            pool.free.release()

    async def _exchange(
        self, pools: _Pools, of: _Pool, address: Address, commands: Commands
    ) -> Any:
        pool, seconds = of.pool, self._network.timeout
        async with asyncio.timeout(seconds):
            connection = await pool.get_connection()
        pools.connections.add(connection)
        try:
            return await _converse(connection, commands, seconds)
        except redis.ResponseError as error:
            if code_of(error) == "READONLY":
                # A primary that became a replica, or a name that has another address now.
                await connection.disconnect(nowait=True)
                await pool.disconnect(inuse_connections=False)
            raise
        except BaseException:
            # After a cancellation a reply may still come, which must not be the reply of the
            # next command.
            await connection.disconnect(nowait=True)
            raise
        finally:
            if pools.by_address.get(address) is not of:
                # The pool was closed meanwhile, as its server had gone.
                await connection.disconnect(nowait=True)
            # A cancelled scope of anyio cancels each await. The pool would lose its place.
            await asyncio.shield(pool.release(connection))

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

    async def _pool(self, pools: _Pools, address: Address) -> _Pool:
        found = pools.by_address.get(address)
        if found is None:
            serves = self._network.directory.serves
            found = self._make(address)
            old = [each for each in pools.by_address if not serves(each)]
            gone = [pools.by_address.pop(each) for each in old]
            pools.by_address[address] = found
            for each in gone:
                await each.pool.disconnect(inuse_connections=False)
        return found

    def _make(self, address: Address) -> _Pool:
        options = self._network.target.options | bounds(self._network.timeout)
        options["retry"] = Retry(NoBackoff(), 0)
        options.setdefault("max_connections", _MOST_CONNECTIONS)
        if address is not None and "path" not in options:
            options["host"], options["port"] = address
        # Blocking, as a connection may be free before its release has ended.
        pool: Any = redis.asyncio.BlockingConnectionPool(
            connection_class=self._class or object, timeout=None, **options
        )
        pool.make_connection()
        return _Pool(pool, asyncio.Semaphore(pool.max_connections))


class _Pool(NamedTuple):
    """The connections of one event loop to one server, and how many of them are free."""

    pool: Any
    free: asyncio.Semaphore


class _Pools:
    """The pools of one event loop. They are closed when it ends, or when the store is collected."""

    def __init__(self) -> None:
        self.by_address: dict[Address, _Pool] = {}
        self.connections: WeakSet[Any] = WeakSet()
        # Event loops close the asynchronous generators that are suspended when they end, and
        # those that are collected.
        self.keeper = _keep(self.by_address, self.connections)


async def _keep(pools: dict[Address, _Pool], connections: WeakSet[Any]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        for connection in list(connections):
            # In one step: an event loop that ends takes few more.
            await connection.disconnect(nowait=True)
        for each in pools.values():
            with suppress(Exception):  # the server may have closed them
                await each.pool.disconnect()
        pools.clear()


async def _converse(connection: Any, commands: Commands, seconds: float) -> Any:
    step: Callable[[], Any] = partial(next, commands)
    while True:
        try:
            command = step()
        except StopIteration as end:
            return end.value
        try:
            async with asyncio.timeout(seconds):
                await connection.send_command(*command)
                reply = await connection.read_response(disable_decoding=True)
        except Exception as error:
            if not isinstance(error, redis.ResponseError):
                await connection.disconnect(nowait=True)
            step = partial(commands.throw, error)
        else:
            step = partial(commands.send, reply)
