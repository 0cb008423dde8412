"""Connections with bounded waits, and the pools of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from threading import Thread
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
        host, timeout = self.host, self.socket_connect_timeout or 0.0
        until = time.monotonic() + timeout
        addresses = _addresses(host, self.port, timeout)
        try:
            for number, address in enumerate(addresses):
                left = max(until - time.monotonic(), timeout / 20)
                self.host, self.socket_connect_timeout = address, left / (len(addresses) - number)
                try:
                    return super()._connect()  # type: ignore[no-untyped-call]
                except OSError as error:
                    if number == len(addresses) - 1:
                        raise error from None
        finally:
            # TLS checks the certificate for the name.
            self.host, self.socket_connect_timeout = host, timeout
        return None  # pragma: no cover  # there is always an address


class _FoundTLS(redis.SSLConnection, _Found):
    pass


_BOUNDED: dict[type, type] = {redis.Connection: _Found, redis.SSLConnection: _FoundTLS}


def _addresses(host: str, port: int, timeout: float) -> list[str]:
    """Return the addresses of a host, in the order of the system."""
    found = within(timeout, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def within(seconds: float, function: Callable[[], T]) -> T:
    """Return what *function* returns, or raise what it raises, in a thread that is not awaited.

    Raises:
        TimeoutError: It takes longer than *seconds*.
    """
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((function(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = Thread(target=run, name="countermark-redis", daemon=True)
    thread.start()
    thread.join(seconds)
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
    pool = redis.ConnectionPool(
        connection_class=_BOUNDED.get(target.connection_class, target.connection_class), **options
    )
    # Detects unknown options now; otherwise the first request would fail.
    pool.connection_class(**pool.connection_kwargs)
    return pool
