"""Circuit breakers: a server that failed is left alone for a while, then tried by one request."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from countermark._jitter import jitter
from countermark._locks import ProcessLock
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
        self._pause, self._clock, self._lock = pause, clock, ProcessLock()
        self._failures = 0
        self._until = -inf
        self._kind = ""

    def enter(self) -> bool:
        """Begin a request, and return whether it is the one that tries the server.

        Raises:
            StoreUnavailable: The circuit is open.
        """
        if not self._failures:
            return False
        with self._lock:
            if self._failures and self._clock() < self._until:
                raise StoreUnavailable("Redis did not answer a moment ago", kind=self._kind)
            # If this request never ends, another one tries after a pause.
            self._until = self._clock() + self._next_pause()
            return True

    def succeed(self) -> None:
        """Close the circuit."""
        if self._failures:
            with self._lock:
                self._failures, self._until = 0, -inf

    def fail(self, kind: str, *, tried: bool) -> None:
        """Open the circuit because of an error of this type.

        *tried* is what :meth:`enter` returned. Requests that began before the circuit opened
        do not open it again.
        """
        with self._lock:
            if tried or not self._failures:
                self._failures += 1
                self._kind = kind
                self._until = self._clock() + self._next_pause()

    def _next_pause(self) -> float:
        growth = min(2.0 ** (min(self._failures, 8) - 1), _LONGEST)
        return self._pause * growth * jitter.uniform(0.5, 1.5)
