"""Redis, for what several workers and hosts share."""

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

# What may have taken its time. The others are answers, and wait for nothing.
_SILENCE = (redis.ConnectionError, redis.TimeoutError, redis.ChildDeadlockedError, OSError)


class RedisStore:
    """A Redis server that nothing ever waits for long.

    After a failure it is not asked again for *pause* seconds, and then by one
    request first: one slow answer is enough. Safe to use from many threads, and
    after a fork.

    What the URL's query says of timeouts, retries, decoding and the protocol does
    not count. A name that has several addresses may take *timeout* for each, and
    looking a name up has no limit but the system's own.

    Args:
        url: Where it is, for instance ``redis://localhost:6379/0`` or ``unix:///run/redis.sock``.
        prefix: What all keys begin with.
        timeout: How long to wait for a connection, and for an answer, in seconds.
        pause: How long to leave it alone after a failure, in seconds.
        clock: Returns seconds that never go back.

    Raises:
        ConfigurationError: The URL is none, or something else is not what it should be.
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
        try:
            given: object = prefix
            if not isinstance(given, str):
                raise ConfigurationError("prefix= must be a text, such as 'countermark:'")
            if not _is_number(timeout) or not 0 < timeout <= 60:
                raise ConfigurationError(
                    "timeout= must be a number of seconds above 0 and up to 60"
                )
            if not _is_number(pause) or not 0 <= pause < inf:
                raise ConfigurationError("pause= must be a number of seconds from 0 on")
            self._client = _client(url, timeout)
        finally:
            # See SecretKey: no secret stays in a frame that a traceback shows.
            del url
        # Else its connections are closed whenever they are collected, with a warning.
        finalize(self, self._client.close).atexit = False
        self.prefix = prefix
        self._pause = pause
        self._clock = clock
        self._failed_at = -inf
        self._kind = ""

    def ask(self, what: Callable[[Any], T]) -> T:
        """Return what *what* returns for the client.

        Raises:
            StoreUnavailable: The server does not answer, did not a moment ago, or
                *what* raised.
        """
        if self._failed_at != -inf:
            now = self._clock()
            if now - self._failed_at < self._pause:
                raise StoreUnavailable("Redis did not answer a moment ago", kind=self._kind)
            # This request finds out whether it is back; the others do not wait for that.
            self._failed_at = now
        try:
            answer = what(self._client)
        except Exception as error:
            # Not RedisError alone: a name that is none is a UnicodeError, and so on.
            self._kind = kind = type(error).__name__
            self._failed_at = self._clock() if isinstance(error, _SILENCE) else -inf
        else:
            self._failed_at = -inf
            return answer
        # Not from the error, whose message and frames may show addresses and a password.
        raise StoreUnavailable(f"asking Redis failed: {kind}", kind=kind)


def _client(url: str, timeout: float) -> redis.Redis:
    try:
        return _connected_later(url, timeout)
    except Exception as error:
        # Its message and frames may show the URL, which may hold a password.
        kind = type(error).__name__
    finally:
        del url
    raise ConfigurationError(
        "the URL of Redis must be text that begins with redis://, rediss:// or unix://, and"
        f" have no option that redis-py does not know; correct it ({kind})"
    )


def _connected_later(url: str, timeout: float) -> redis.Redis:
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    options |= {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # One try: a second one would wait as long again, and might count twice.
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        # Of the third, redis-py lets servers lengthen the timeouts, and it goes on with
        # a connection on which part of an answer is left.
        "protocol": 2,
    }
    pool = redis.ConnectionPool(**options)
    # An option that is none would be found out by the first request.
    pool.connection_class(**pool.connection_kwargs)
    return redis.Redis(connection_pool=pool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
