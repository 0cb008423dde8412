"""The contents of Redis that a snapshot is made of."""

from __future__ import annotations

from typing import NamedTuple

from countermark.rollout._redis_keys import ALL, Mark
from countermark.rollout._snapshot import CountKey, Group


class SeenPrincipals(NamedTuple):
    """The pseudonyms of a group: affected, stranded, and claimed only."""

    affected: set[str]
    stranded: set[str]
    claimed: set[str]


class HeldCounts(NamedTuple):
    """The counts in Redis in the days of *window*, and the marks that they must agree with."""

    window: range
    counts: dict[int, dict[Group, dict[CountKey, int]]]
    marks: dict[Mark, int]

    def groups(self) -> set[Group]:
        """Return the groups with requests in *window*."""
        marked = {
            mark.group
            for mark in self.marks
            if mark.name == "requests" and mark.when in self.window
        }
        return marked.union(*self.counts.values())

    def marked(self, group: Group, name: str) -> bool:
        """Tell whether a day of *window* has the mark *name*."""
        return any(Mark(group, name, day) in self.marks for day in self.window)

    def lost(self, group: Group) -> bool:
        """Tell whether requests are missing, or a meter has recorded a loss."""
        return (
            self.marked(group, "lost")
            or self.marked(ALL, "lost")
            or any(
                sum(self.counts[day].get(group, {}).values())
                != self.marks.get(Mark(group, "requests", day), 0)
                for day in self.window
            )
        )
