"""A batch of counts and principals that a process writes to Redis in one step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from countermark.rollout._counters import MOST_ROWS, STANDINGS, DailyCounts, Standing
from countermark.rollout._redis_keys import (
    ALL,
    DAY_EXPIRES,
    PERIOD_EXPIRES,
    Mark,
    MeterKeys,
    in_chunks,
    period_of,
    pseudonym_of,
)
from countermark.rollout._snapshot import OTHER, Group

# The most principals of each standing that wait to be written while Redis is unavailable.
_MOST_WAITING = 10_000

#: A day, a group, and the standing of principals.
Kind: TypeAlias = tuple[int, Group, Standing]

#: A command of the script. Its arguments are texts and lists of keys.
Command: TypeAlias = list[Any]

#: The labels of texts above the limit: each is replaced by "other".
Replacements: TypeAlias = Mapping[str | None, str]


class Batch:
    """Requests, and principals by the pseudonyms of this process."""

    __slots__ = ("counts", "principals", "skipped", "waiting")

    def __init__(self) -> None:
        self.counts = DailyCounts()
        self.principals: dict[Kind, dict[bytes, bytes]] = {}
        self.waiting: dict[Standing, int] = dict.fromkeys(STANDINGS, 0)
        self.skipped: set[tuple[int, Group, str]] = set()

    def add_principal(self, kind: Kind, person: bytes, pseudonym: bytes) -> None:
        """Add a principal, if there is room."""
        day, group, standing = kind
        principals = self.principals.setdefault(kind, {})
        if pseudonym in principals:
            return
        if self.waiting[standing] >= _MOST_WAITING:
            self.skipped.add((day, group, _skipped(standing)))
            return
        self.waiting[standing] += 1
        principals[pseudonym] = person

    def labels(self) -> tuple[set[str | None], set[str | None]]:
        """Return the tenants and the origins of the batch."""
        pairs = [pair for groups in self.counts.days.values() for pair in groups.items()]
        tenants = {tenant for (_, _, tenant), _ in pairs}
        return tenants, {origin for _, group_day in pairs for origin, *_ in group_day.counts}

    def commands(
        self, keys: MeterKeys, salt: str, max_principals: int, replacements: Sequence[Replacements]
    ) -> Iterator[Command]:
        """Return the commands that write the batch. All arguments are texts.

        COUNT, SEEN and EVICTED are not commands of Redis; the script defines them.

        Args:
            keys: The names of the keys.
            salt: The salt of the pseudonyms in Redis.
            max_principals: The most principals that are stored, for each group and standing.
            replacements: The labels of tenants above the limit, and those of origins.
        """
        tenants, origins = replacements

        def labelled(group: Group) -> Group:
            return (*group[:2], tenants.get(group[2], group[2]))

        expires = {keys.salt: PERIOD_EXPIRES}
        for day, group, name in self.skipped:
            field = Mark(labelled(group), name, day).field()
            yield ["HSET", keys.of_period("marks", day), field, "1"]
        for day, groups in self.counts.days.items():
            counts, first, last = (keys.of_day(name, day) for name in ("counts", "first", "last"))
            marks = keys.of_period("marks", day)
            expires |= dict.fromkeys((counts, first, last), DAY_EXPIRES) | {marks: PERIOD_EXPIRES}
            for group, group_day in groups.items():
                row = labelled(group)
                yield ["ZADD", first, "LT", repr(group_day.first), json.dumps(row)]
                yield ["ZADD", last, "GT", repr(group_day.last), json.dumps(row)]
                mark = Mark(row, "requests", day).field()
                for (origin, *rest), requests in group_day.counts.items():
                    texts = origins.get(origin, origin), origin and OTHER
                    fields = [json.dumps([*row, text, *rest]) for text in texts]
                    yield ["COUNT", counts, *fields, str(requests), str(MOST_ROWS)]
                    yield ["HINCRBY", marks, mark, str(requests)]
        for (day, group, kind), principals in self.principals.items():
            row = labelled(group)
            distinct = keys.of_day(kind, day, row)
            last_seen = keys.of_period(f"last_{kind}", day, row)
            expires |= {distinct: DAY_EXPIRES, last_seen: PERIOD_EXPIRES}
            marked = [
                keys.of_period("marks", day),
                Mark(row, kind, period_of(day)).field(),
                Mark(row, _skipped(kind), day).field(),
                _lost(row, day),
            ]
            verified = keys.last_verified(row, day) if kind == "claimed" else []
            for some in in_chunks([pseudonym_of(person, salt) for person in principals.values()]):
                yield ["PFADD", distinct, *some]
                yield ["SEEN", last_seen, *marked, verified, str(max_principals), str(day), *some]
        today = max(self.counts.days)
        marks = keys.of_period("marks", today)
        yield ["EVICTED", keys.evicted, str(PERIOD_EXPIRES), marks, _lost(ALL, today)]
        for key, seconds in expires.items():
            yield ["EXPIRE", key, str(seconds)]


def _skipped(standing: Standing) -> str:
    return "claims_skipped" if standing == "claimed" else "skipped"


def _lost(group: Group, day: int) -> str:
    return Mark(group, "lost", day).field()
