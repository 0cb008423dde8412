"""Circuit breakers: a server that failed is left alone for a while, then tried by one request."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import inf
from threading import Lock

from countermark.errors import StoreUnavailable

# The pause doubles with each failed try, up to this many times its first length.
_LONGEST = 4


class Circuit:
    """The circuit breaker of one server, for all threads of a process.

    It is closed as long as the server answers. After a failure it is open: requests fail at
    once. When the pause is over, it is half-open: one request tries the server, and the others
    fail until that request has succeeded.

    Args:
        pause: The seconds from a failure to the next try. Each pause is shortened or lengthened
            at random, by half at most, so that many processes do not retry at once.
        clock: Returns seconds, monotonically.
    """

    __slots__ = ("_clock", "_failures", "_kind", "_lock", "_pause", "_until")

    def __init__(self, pause: float, clock: Callable[[], float]) -> None:
        self._pause, self._clock, self._lock = pause, clock, Lock()
        self._failures = 0
        self._until = -inf
        self._kind = ""

    def enter(self) -> None:
        """Begin a request.

        Raises:
            StoreUnavailable: The circuit is open.
        """
        if not self._failures:
            return
        with self._lock:
            if self._failures and self._clock() < self._until:
                raise StoreUnavailable("Redis did not answer a moment ago", kind=self._kind)
            # This request tries the server. If it never ends, another one tries after a pause.
            self._until = self._clock() + self._next_pause()

    def succeed(self) -> None:
        """Close the circuit."""
        if self._failures:
            with self._lock:
                self._failures, self._until = 0, -inf

    def fail(self, kind: str) -> None:
        """Open the circuit because of an error of this type."""
        with self._lock:
            self._failures += 1
            self._kind = kind
            self._until = self._clock() + self._next_pause()

    def _next_pause(self) -> float:
        growth = min(2.0 ** min(self._failures - 1, 8), _LONGEST) if self._failures else 1.0
        return self._pause * growth * random.uniform(0.5, 1.5)  # noqa: S311  # no secret
