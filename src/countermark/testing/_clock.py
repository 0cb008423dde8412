"""A clock that stands still until a test moves it."""

from __future__ import annotations


class FrozenClock:
    """A clock for ``clock=`` of signers and verifiers. Call it for the time.

    Args:
        now: The time, in seconds since the epoch.
    """

    #: The time, in seconds since the epoch; it can be set.
    now: float

    def __init__(self, now: float = 1_800_000_000) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock forward, or back if *seconds* is negative."""
        self.now += seconds

    def __repr__(self) -> str:
        return f"<FrozenClock {self.now}>"
