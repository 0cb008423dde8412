"""Which server has a key: the only one, the one that Sentinels name, or the one of the slot."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from bisect import bisect_right
from functools import partial
from threading import Event, Thread
from typing import Any

import redis
from redis.crc import key_slot
from redis.sentinel import Sentinel

from countermark._jitter import jitter
from countermark._locks import ProcessLock
from countermark.redis._connections import bounds, make_pool, once
from countermark.redis._exchange import NotACluster
from countermark.redis._target import Address, Target

# The least seconds between two lookups. While slots move, each request may ask for one.
_INTERVAL = 0.25


class OneServer:
    """A server whose address is given."""

    #: True if :meth:`find` does not wait.
    known = True

    def __init__(self, target: Target) -> None:
        (self._address,) = target.nodes

    def find(self, key: str) -> Address:
        """Return the address of the server that has *key*."""
        return self._address

    def look_up(self) -> None:
        """Find the address again, in the background."""

    def serves(self, address: Address) -> bool:
        """Return whether a server of this address has keys, as far as is known."""
        return address == self._address


class _LookedUp(ABC):
    """Servers that must be looked up. That is done in a thread, once at a time.

    Requests wait for the first lookup only. During later ones they use what is known.
    """

    def __init__(self, target: Target, timeout: float) -> None:
        self._target, self._timeout = target, timeout
        self._options = bounds(timeout) | {"retry": once()}
        self._lock = ProcessLock()
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._under_way: Event | None = None
        # The type alone: the frames of an exception may show a password.
        self._failure: type[Exception] | None = None
        self._looked_up = 0.0

    @property
    @abstractmethod
    def known(self) -> bool: ...

    @abstractmethod
    def serves(self, address: Address) -> bool: ...

    @abstractmethod
    def _find(self, key: str) -> Address: ...

    @abstractmethod
    def _load(self) -> None: ...

    def find(self, key: str) -> Address:
        """Return the address of the server that has *key*.

        Raises:
            Exception: There is none, or it was not found in time.
        """
        if not self.known:
            if ended := self.look_up():
                # Not join(), which may miss the end of a greenlet: see within().
                ended.wait(self._timeout)
            if not self.known:
                raise self._failure or redis.TimeoutError
        return self._find(key)

    def look_up(self) -> Event | None:
        """Begin a lookup, unless the last one was a moment ago. Return the end of the lookup."""
        if self._pid != os.getpid():
            self._begin()  # the thread was left in the parent process
        with self._lock:
            recent = time.monotonic() - self._looked_up < _INTERVAL
            if self._under_way is None and not (recent and self.known):
                ended = Event()
                run = partial(self._run, ended)
                try:
                    Thread(target=run, name="countermark-redis", daemon=True).start()
                except RuntimeError as error:  # the system refuses a thread
                    self._failure = type(error)
                else:
                    self._under_way = ended
            return self._under_way

    def _run(self, ended: Event) -> None:
        failure = None
        try:
            self._load()
        except Exception as error:
            failure = type(error)
        with self._lock:
            self._failure, self._looked_up, self._under_way = failure, time.monotonic(), None
        ended.set()


class BySentinels(_LookedUp):
    """The primary that Sentinels name. They are asked again when it fails."""

    _address: Address = None

    @property
    def known(self) -> bool:
        return self._address is not None

    def serves(self, address: Address) -> bool:
        return address == self._address

    def _find(self, key: str) -> Address:
        return self._address

    def _load(self) -> None:
        nodes = jitter.sample(self._target.nodes, len(self._target.nodes))
        options = self._target.sentinel_options | self._options
        sentinel: Any = Sentinel(nodes, sentinel_kwargs=options)  # type: ignore[no-untyped-call]
        try:
            host, port = sentinel.discover_master(self._target.service)
        finally:
            for client in sentinel.sentinels:
                client.close()
        self._address = (host, int(port))


class BySlot(_LookedUp):
    """The primary of the slot of a key in a Cluster."""

    # The first slots of ranges, the ends of the ranges, and their primaries.
    _table: tuple[list[int], list[tuple[int, Address]]] = ([], [])

    @property
    def known(self) -> bool:
        return bool(self._table[0])

    @property
    def nodes(self) -> list[Address]:
        """The primaries, and the nodes that the user gave."""
        known = list(dict.fromkeys(address for _, address in self._table[1]))
        jitter.shuffle(known)
        return [*known, *(node for node in self._target.nodes if node not in known)]

    def serves(self, address: Address) -> bool:
        return any(address == primary for _, primary in self._table[1])

    def _find(self, key: str) -> Address:
        firsts, ends = self._table
        slot = key_slot(key.encode())
        at = bisect_right(firsts, slot) - 1
        if at < 0 or slot > ends[at][0]:
            raise redis.exceptions.SlotNotCoveredError("no server has the slot")
        return ends[at][1]

    def _load(self) -> None:
        failure: Exception | None = None
        for node in self.nodes:
            try:
                self._table = self._read(node)
            except Exception as error:
                failure = error
            else:
                return
        raise failure or redis.ConnectionError("a Cluster without nodes")

    def _read(self, node: Address) -> tuple[list[int], list[tuple[int, Address]]]:
        pool = make_pool(self._target, node, self._timeout)
        try:
            client: Any = redis.Redis(connection_pool=pool)
            rows = sorted(row[:3] for row in client.execute_command("CLUSTER SLOTS"))
        except redis.ResponseError as error:
            is_single = "cluster support disabled" in str(error)
            raise (NotACluster() if is_single else error) from None
        finally:
            pool.disconnect()
        if not rows:
            raise redis.ConnectionError("a node that knows no slots")
        return [row[0] for row in rows], [(last, self._address(at, node)) for _, last, at in rows]

    def _address(self, found: list[Any], asked: Address) -> Address:
        """Return the address of a primary. A node that does not know its own sends no host."""
        host = found[0] or (asked[0] if asked else "")
        return self._target.address(host, int(found[1]))
