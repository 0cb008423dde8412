"""The Redis that several processes and hosts share."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Any, TypeVar
from weakref import finalize

from countermark._redaction import guarded
from countermark.errors import ConfigurationError, StoreUnavailable

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.connection import parse_url
    from redis.retry import Retry
except ModuleNotFoundError as error:
    raise ImportError(
        "countermark.redis needs redis: pip install 'countermark[redis]'", name=error.name
    ) from error

T = TypeVar("T")

# Errors that may have taken the whole timeout. All others are answers of the server.
_SILENCE = (redis.ConnectionError, redis.TimeoutError, redis.ChildDeadlockedError, OSError)


class RedisStore:
    """A Redis server, with bounded waits.

    After a failure the store does not ask the server for *pause* seconds. Then one request
    tries first, so that only one has to wait for a slow answer. Stores are thread-safe and can
    be used after a fork.

    Options in the query of the URL for timeouts, retries, decoding and the protocol are
    ignored. If a host name has several addresses, each may take *timeout*. Only the system
    limits the time of a name lookup.

    Args:
        url: The address, such as ``redis://localhost:6379/0`` or ``unix:///run/redis.sock``.
        prefix: The prefix of all keys.
        timeout: The most seconds to wait for a connection, and for an answer.
        pause: The number of seconds without requests to the server after a failure.
        clock: Returns seconds, monotonically.

    Raises:
        ConfigurationError: The URL is invalid, or another argument is.
    """

    __slots__ = ("__weakref__", "_client", "_clock", "_failed_at", "_kind", "_pause", "prefix")

    @guarded
    def __init__(
        self,
        url: str,
        *,
        prefix: str = "countermark:",
        timeout: float = 0.25,
        pause: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        given: object = prefix
        if not isinstance(given, str):
            raise ConfigurationError("prefix= must be a text such as 'countermark:'")
        if not _is_number(timeout) or not 0 < timeout <= 60:
            raise ConfigurationError("timeout= must be a number of seconds, above 0 and up to 60")
        if not _is_number(pause) or not 0 <= pause < inf:
            raise ConfigurationError("pause= must be a number of seconds, 0 or more")
        self._client = _client(url, timeout)
        # Otherwise the garbage collector closes the connections, with a warning.
        finalize(self, self._client.close).atexit = False
        self.prefix = prefix
        self._pause = pause
        self._clock = clock
        self._failed_at = -inf
        self._kind = ""

    def ask(self, command: Callable[[Any], T]) -> T:
        """Return the result of *command* for the client of redis-py.

        Raises:
            StoreUnavailable: The server does not answer, it did not within the pause, or
                *command* raised.
        """
        if self._failed_at != -inf:
            now = self._clock()
            if now - self._failed_at < self._pause:
                raise StoreUnavailable("Redis did not answer a moment ago", kind=self._kind)
            # This request tries the server; the others do not wait for the outcome.
            self._failed_at = now
        try:
            answer = command(self._client)
        except Exception as error:
            # Not only RedisError: an invalid host name raises a UnicodeError, for example.
            self._kind = kind = type(error).__name__
            self._failed_at = self._clock() if isinstance(error, _SILENCE) else -inf
        else:
            self._failed_at = -inf
            return answer
        # Not raised from the error: its message and frames may show addresses and a password.
        raise StoreUnavailable(f"asking Redis failed: {kind}", kind=kind)


def _client(url: str, timeout: float) -> redis.Redis:
    try:
        return _connected_later(url, timeout)
    except Exception as error:
        # The message of the error may show the URL and its password.
        kind = type(error).__name__
    raise ConfigurationError(
        "the URL of Redis must be a text that begins with redis://, rediss:// or unix://, with"
        f" options of redis-py only; correct the URL ({kind})"
    )


def _connected_later(url: str, timeout: float) -> redis.Redis:
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    options |= {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # One try: a second one would double the wait, and might count a request twice.
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        # With protocol 3, servers can lengthen the timeouts of redis-py, and it continues to
        # use a connection on which a part of an answer is left.
        "protocol": 2,
    }
    pool = redis.ConnectionPool(**options)
    # Detects unknown options now; otherwise the first request would fail.
    pool.connection_class(**pool.connection_kwargs)
    return redis.Redis(connection_pool=pool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
