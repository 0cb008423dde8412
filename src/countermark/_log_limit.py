"""The limit of lines in the log, so that clients cannot flood it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache


class LogLimit:
    """Limits how many events of one name, reason and scheme are logged in a minute.

    Otherwise a client could flood the log with invalid tokens. The next line of the same
    kind contains the number of events that were not logged.

    Args:
        clock: A monotonic clock, in seconds.
    """

    __slots__ = ("_clock", "_lock", "_seen")

    #: The number of lines of one kind in a window, and the length of the window in seconds.
    MOST = 10
    WINDOW = 60.0
    # The number of kinds that are remembered. Only an application that builds schemes at
    # every request reaches it, as names, reasons and schemes are few.
    _KINDS = 1000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        from threading import Lock  # late, as it is slow to import

        self._clock = clock
        self._lock = Lock()
        # By kind: when its window began, the lines in it, and the events that were left out.
        self._seen: dict[tuple[str, str, str | None], tuple[float, int, int]] = {}

    def left_out(self, kind: tuple[str, str, str | None]) -> int | None:
        """Return None if an event is not to be logged, otherwise the number left out before it.

        Args:
            kind: The name, the reason and the scheme of the event.
        """
        now = self._clock()
        with self._lock:
            began, lines, left_out = self._seen.get(kind, (now, 0, 0))
            if now - began >= self.WINDOW:
                self._seen[kind] = (now, 1, 0)
                return left_out
            if lines >= self.MOST:
                self._seen[kind] = (began, lines, left_out + 1)
                return None
            if len(self._seen) >= self._KINDS:
                self._seen.clear()
            self._seen[kind] = (began, lines + 1, 0)
            return 0

    def reset(self) -> None:
        """Forget all events, for tests of the log."""
        with self._lock:
            self._seen.clear()


@cache
def log_limit() -> LogLimit:
    """Return the limit of this process."""
    return LogLimit()
