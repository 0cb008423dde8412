"""Connections with bounded waits, and the pools of them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from countermark.redis._target import Address, Target

T = TypeVar("T")


class _Found(redis.Connection):
    """A connection that looks a name up, and connects, within its timeout.

    The system limits the time of a lookup by itself, often to 10 seconds and more. So the
    lookup is made in a thread, which is left behind.
    """

    def _connect(self) -> Any:
        until = time.monotonic() + (self.socket_connect_timeout or 0)
        *others, last = _addresses(self.host, self.port, self.socket_connect_timeout or 0)
        for number, address in enumerate(others):
            with suppress(OSError):
                return self._connect_to(address, until, len(others) + 1 - number)
        return self._connect_to(last, until, 1)

    def _connect_to(self, address: str, until: float, parts: int) -> Any:
        """Connect to an address, within one of so many parts of the remaining time."""
        host, timeout = self.host, self.socket_connect_timeout
        left = max(until - time.monotonic(), 0.01)
        self.host, self.socket_connect_timeout = address, left / parts
        try:
            return super()._connect()  # type: ignore[no-untyped-call]
        finally:
            # TLS checks the certificate for the name.
            self.host, self.socket_connect_timeout = host, timeout


class _FoundTLS(redis.SSLConnection, _Found):
    pass


_BOUNDED: dict[type, type] = {redis.Connection: _Found, redis.SSLConnection: _FoundTLS}


def _addresses(host: str, port: int, timeout: float) -> list[str]:
    """Return the addresses of a host, in the order of the system."""
    try:
        found = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:  # it is a name
        found = within(timeout, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def within(seconds: float, function: Callable[[], T]) -> T:
    """Return what *function* returns, or raise what it raises, in a thread that is not awaited.

    Raises:
        TimeoutError: It takes longer than *seconds*.
    """
    outcome: list[Any] = []
    ended = threading.Event()

    def run() -> None:
        try:
            outcome.append((function(), None))
        except BaseException as error:
            outcome.append((None, error))
        ended.set()

    threading.Thread(target=run, name="countermark-redis", daemon=True).start()
    # Not join(): at the exit of a gevent worker it does not see the end of a greenlet.
    ended.wait(seconds)
    if not outcome:
        raise TimeoutError("it took too long")
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def bounds(timeout: float) -> dict[str, Any]:
    """Return the options of a connection, synchronous or not, apart from its retries."""
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "decode_responses": True,
        # With protocol 3, servers can lengthen the timeouts of redis-py, and it continues to
        # use a connection on which a part of an answer is left.
        "protocol": 2,
    }


def once() -> Retry:
    """Return the rule to try once: a second try would double the wait, and might count twice."""
    return Retry(NoBackoff(), 0)


def make_pool(target: Target, address: Address, timeout: float) -> redis.ConnectionPool:
    """Return a pool of connections to one server."""
    options = target.options | bounds(timeout) | {"retry": once()}
    if address is not None:
        options["host"], options["port"] = address
    options.setdefault("max_connections", 2**31)  # one for each thread
    pool = redis.ConnectionPool(
        connection_class=_BOUNDED.get(target.connection_class, target.connection_class), **options
    )
    # Detects unknown options now; otherwise the first request would fail.
    pool.connection_class(**pool.connection_kwargs)
    return pool
