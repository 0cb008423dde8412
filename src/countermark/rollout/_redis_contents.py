"""The contents of Redis that a snapshot is made of."""

from __future__ import annotations

from typing import NamedTuple

from countermark.rollout._redis_keys import Mark
from countermark.rollout._snapshot import DAY, CountKey, KeyUse, key_use


class SeenPrincipals(NamedTuple):
    """The pseudonyms of a group: affected, stranded, and claimed only."""

    affected: set[str]
    stranded: set[str]
    claimed: set[str]


class HeldCounts(NamedTuple):
    """The counts of a group in Redis, and the marks that they must agree with.

    Attributes:
        window: The days of the counts.
        kept: The days of the times.
        counts: The requests of each day with requests.
        times: The fields of the times, with their values.
        marks: The marks.
        sizes: The number of members of each hash of members.
        lost: Whether keys are missing that the marks record, or the server has evicted some.
    """

    window: range
    kept: range
    counts: dict[int, dict[CountKey, int]]
    times: dict[str, float]
    marks: dict[Mark, int]
    sizes: dict[str, int]
    lost: bool

    def seen(self) -> list[float]:
        """Return the first and the last time of each day that is kept."""
        return [
            when
            for field, when in self.times.items()
            if not field.startswith("used:") and int(field.partition(":")[2]) in self.kept
        ]

    def key_use(self, now: float) -> KeyUse:
        """Return the last use of the keys of each role, not later than *now*."""
        used = {
            field.removeprefix("used:"): when
            for field, when in self.times.items()
            if field.startswith("used:") and when >= self.kept.start * DAY
        }
        # If the counts show a later use, the time was lost.
        later = [
            (role, min(now, (day + 1.0) * DAY))
            for day, counts in self.counts.items()
            for _, role, code, *_ in counts
            if code == "verified" and role and used.get(role, 0) < day * DAY
        ]
        return key_use([*used.items(), *later])

    def marked(self, name: str) -> bool:
        """Tell whether a day of *window* has the mark *name*."""
        return any(Mark(name, day) in self.marks for day in self.window)

    def agrees(self) -> bool:
        """Tell whether no requests are missing, and no meter has recorded a loss."""
        return not (self.lost or self.marked("lost")) and all(
            sum(self.counts.get(day, {}).values()) == self.marks.get(Mark("requests", day), 0)
            for day in self.window
        )
