"""The requests of a group that a process writes to Redis in one step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from countermark.rollout._counters import MOST_ROWS, STANDINGS, GroupDay, Standing
from countermark.rollout._redis_keys import (
    DAY_EXPIRES,
    PERIOD_EXPIRES,
    GroupKeys,
    Mark,
    period_of,
    pseudonym_of,
)
from countermark.rollout._snapshot import OTHER, CountKey, Group

#: The most rows of a group on a day in Redis. Further rows are counted under the origin "other".
MOST_ROWS_OF_GROUP: Final = 1_000

# The most principals of each standing that wait to be written while Redis is unavailable.
_MOST_WAITING = 10_000

# The most principals in one script, so that it does not keep the server from answering others.
_MOST_IN_SCRIPT = 1_000

# The most groups in the register; there are fewer.
_MOST_GROUPS = 1_000_000

#: The labels of texts above the limit: each is replaced by "other".
Replacements = Mapping[str | None, str]


class Document(NamedTuple):
    """A batch in the form of the script: JSON that refers to the keys by their position."""

    keys: list[str]
    text: str


class Batch:
    """Requests, principals and marks of a group.

    Attributes:
        days: The requests of each day.
        principals: The principals of each day and standing, as ``person_of`` returns them, in
            the order of their requests.
        groups: The names of groups seen on each day, in the batches of :data:`ALL`.
        marked: Marks to set.
    """

    __slots__ = ("days", "groups", "marked", "principals")

    def __init__(self) -> None:
        self.days: dict[int, GroupDay] = {}
        self.principals: dict[tuple[int, Standing], dict[bytes, None]] = {}
        self.groups: dict[int, set[str]] = {}
        self.marked: set[Mark] = set()

    def __bool__(self) -> bool:
        return bool(self.days or self.groups or self.marked or self.principals)

    @property
    def requests(self) -> int:
        """The number of requests."""
        return sum(sum(day.counts.values()) for day in self.days.values())

    def add(self, other: Batch, origins: Replacements) -> None:
        """Add the contents of *other*, with the labels of origins replaced."""
        for day, added in other.days.items():
            own = self.days.setdefault(day, GroupDay(added.first))
            own.merge(added, origins)
        for kind, people in other.principals.items():
            self.principals.setdefault(kind, {}).update(people)
        self.marked |= other.marked

    def part(self) -> Batch:
        """Return the batch without the principals that are too many for one script."""
        part = Batch()
        part.days, part.groups, part.marked = self.days, self.groups, self.marked
        room = _MOST_IN_SCRIPT
        for kind, people in self.principals.items():
            some = list(islice(people, room))
            room -= len(some)
            if some:
                part.principals[kind] = dict.fromkeys(some)
        return part

    def without(self, part: Batch) -> Batch:
        """Return the principals that *part* does not have."""
        rest = Batch()
        for kind, people in self.principals.items():
            taken = part.principals.get(kind, {})
            left = {person: None for person in people if person not in taken}
            if left:
                rest.principals[kind] = left
        return rest

    def document(self, keys: GroupKeys, salt: str, max_principals: int) -> Document:
        """Return the batch in the form of the script.

        Args:
            keys: The keys of the group.
            salt: The salt of the pseudonyms.
            max_principals: The most principals that are stored, for each standing.
        """
        at = _Positions()
        seen = [*self._seen(keys, at, salt, max_principals), *self._registered(keys, at)]
        days = (day for day, _ in self.principals)
        today = max([*self.days, *self.groups, *days, *(mark.when for mark in self.marked)])
        document = {
            "most_rows": MOST_ROWS_OF_GROUP,
            "days": [self._day(day, keys, at) for day in sorted(self.days)],
            "seen": seen,
            "marked": [
                [at(keys.of_period("marks", mark.when), PERIOD_EXPIRES), mark.field()]
                for mark in sorted(self.marked)
            ],
            "lost": [
                at(keys.of_period("marks", today), PERIOD_EXPIRES),
                Mark("lost", today).field(),
            ],
            # The second key of the script is that of evicted keys.
            "expires": [[2, PERIOD_EXPIRES], *at.expires()],
        }
        return Document(list(at.positions), json.dumps(document))

    def _day(self, day: int, keys: GroupKeys, at: _Positions) -> dict[str, Any]:
        group_day = self.days[day]
        return {
            "day": str(day),
            "counts": at(keys.of_day("counts", day), DAY_EXPIRES),
            "times": at(keys.of_period("times", day), PERIOD_EXPIRES),
            "marks": at(keys.of_period("marks", day), PERIOD_EXPIRES),
            "first": repr(group_day.first),
            "last": repr(group_day.last),
            "used": [[role, repr(when)] for role, when in group_day.used.items()],
            "requests": sum(group_day.counts.values()),
            "rows": [
                [json.dumps(key), json.dumps([key[0] and OTHER, *key[1:]]), requests]
                for key, requests in group_day.counts.items()
            ],
        }

    def _seen(
        self, keys: GroupKeys, at: _Positions, salt: str, most: int
    ) -> Iterator[dict[str, Any]]:
        for (day, standing), people in self.principals.items():
            verified = keys.last_verified(day) if standing == "claimed" else []
            yield {
                **_members(keys, at, standing, day),
                "distinct": at(keys.of_day(standing, day), DAY_EXPIRES),
                "skipped": Mark(skipped(standing), day).field(),
                "verified": [at(key, PERIOD_EXPIRES) for key in verified],
                "most": most,
                "who": [pseudonym_of(person, salt) for person in people],
            }

    def _registered(self, keys: GroupKeys, at: _Positions) -> Iterator[dict[str, Any]]:
        for day, groups in self.groups.items():
            yield {
                **_members(keys, at, "groups", day),
                "skipped": Mark("lost", day).field(),
                "verified": [],
                "most": _MOST_GROUPS,
                "who": sorted(groups),
            }


def _members(keys: GroupKeys, at: _Positions, name: str, day: int) -> dict[str, Any]:
    return {
        "day": str(day),
        "last": at(keys.of_period(f"last_{name}", day), PERIOD_EXPIRES),
        "marks": at(keys.of_period("marks", day), PERIOD_EXPIRES),
        "size": Mark(name, period_of(day)).field(),
        "lost": Mark("lost", day).field(),
    }


class _Positions:
    """The positions of keys in the arguments of the script; two keys come before them."""

    __slots__ = ("positions",)

    def __init__(self) -> None:
        self.positions: dict[str, tuple[int, int]] = {}

    def __call__(self, key: str, expires: int) -> int:
        return self.positions.setdefault(key, (len(self.positions) + 3, expires))[0]

    def expires(self) -> list[tuple[int, int]]:
        """Return the position and the expiration of each key, in seconds."""
        return list(self.positions.values())


class Collected:
    """The requests of a process since the last write, by the labels of this process.

    Args:
        waiting: The batches that wait for a server. Their principals count for the limit.
    """

    __slots__ = ("batches", "rows", "waiting")

    def __init__(self, waiting: Iterable[Batch] = ()) -> None:
        self.batches: dict[Group, Batch] = {}
        self.rows: dict[int, int] = {}
        self.waiting: dict[Standing, int] = dict.fromkeys(STANDINGS, 0)
        for batch in waiting:
            for (_, standing), people in batch.principals.items():
                self.waiting[standing] += len(people)

    def add(self, day: int, now: float, group: Group, key: CountKey) -> None:
        """Add a request."""
        batch = self.batches.get(group)
        if batch is None:
            batch = self.batches[group] = Batch()
        group_day = batch.days.get(day)
        if group_day is None:
            group_day = batch.days[day] = GroupDay(now)
        if key not in group_day.counts:
            rows = self.rows.get(day, 0)
            if rows >= MOST_ROWS:
                key = (key[0] and OTHER, *key[1:])
            self.rows[day] = rows + 1
        group_day.add(now, key)

    def add_principal(self, day: int, group: Group, standing: Standing, person: bytes) -> bool:
        """Add a principal, after the request; return whether there was room."""
        batch = self.batches[group]
        if self.waiting[standing] >= _MOST_WAITING:
            batch.marked.add(Mark(skipped(standing), day))
            return False
        self.waiting[standing] += 1
        batch.principals.setdefault((day, standing), {})[person] = None
        return True

    def labels(self) -> tuple[set[str], set[str]]:
        """Return the tenants and the origins, without those that are not labels."""
        tenants = {tenant for _, _, tenant in self.batches}
        days = [day for batch in self.batches.values() for day in batch.days.values()]
        origins = {origin for day in days for origin, *_ in day.counts}
        tenants, origins = tenants - {None, OTHER}, origins - {None, OTHER}
        return {text for text in tenants if text}, {text for text in origins if text}


def skipped(standing: Standing) -> str:
    """Return the name of the mark of principals above the limit."""
    return "claims_skipped" if standing == "claimed" else "skipped"
