"""Redis, for what several workers and hosts share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from countermark.errors import ConfigurationError, StoreUnavailable

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ModuleNotFoundError as error:
    raise ImportError(
        "countermark.redis needs redis: pip install 'countermark[redis]'", name=error.name
    ) from error

T = TypeVar("T")


class RedisStore:
    """A Redis server that nothing ever waits for long.

    After a failure it is not asked again for *pause* seconds: one slow answer is
    enough. Safe to use from many threads, and after a fork.

    Args:
        url: Where it is, for instance ``redis://localhost:6379/0`` or ``unix:///run/redis.sock``.
        prefix: What all keys begin with.
        timeout: How long to wait for a connection, and for an answer, in seconds.
        pause: How long to leave it alone after a failure, in seconds.

    Raises:
        ConfigurationError: The URL is none.
    """

    __slots__ = ("_client", "_failed_at", "_pause", "prefix")

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "countermark:",
        timeout: float = 0.25,
        pause: float = 1.0,
    ) -> None:
        try:
            # One try: a second one would wait as long again.
            self._client: redis.Redis = redis.Redis.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
            )
        except ValueError:
            # Its own message may quote the URL, which may hold a password.
            problem = "the URL of Redis begins with redis://, rediss:// or unix://"
        else:
            problem = ""
        if problem:
            raise ConfigurationError(problem)
        self.prefix = prefix
        self._pause = pause
        self._failed_at = -pause

    def ask(self, what: Callable[[Any], T]) -> T:
        """Return what *what* returns for the client.

        Raises:
            StoreUnavailable: The server does not answer, or did not a moment ago.
        """
        if time.monotonic() - self._failed_at < self._pause:
            raise StoreUnavailable("Redis did not answer a moment ago")
        try:
            return what(self._client)
        except redis.RedisError as error:
            self._failed_at = time.monotonic()
            kind = type(error).__name__
        raise StoreUnavailable(f"Redis does not answer: {kind}")
