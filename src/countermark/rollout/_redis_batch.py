"""A batch of counts and principals that a process writes to Redis at once."""

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

# How many principals wait for being written, verified or not, while Redis is away.
_MOST_WAITING = 10_000

#: A day, a group, and what the requests show of the principals.
Kind: TypeAlias = tuple[int, Group, Standing]

#: A command of the script, whose arguments are texts and lists of keys.
Command: TypeAlias = list[Any]

#: What stands for texts that are not told apart.
Labelled: TypeAlias = Mapping[str | None, str]


class Batch:
    """What is written at once: requests, and principals by pseudonyms of this process."""

    __slots__ = ("principals", "skipped", "tally", "waiting")

    def __init__(self) -> None:
        self.tally = DailyCounts()
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
        """Return the tenants and the origins in it."""
        buckets = [pair for groups in self.tally.days.values() for pair in groups.items()]
        tenants = {tenant for (_, _, tenant), _ in buckets}
        return tenants, {cell[0] for _, bucket in buckets for cell in bucket.cells}

    def commands(
        self, keys: MeterKeys, salt: str, max_principals: int, agreed: Sequence[Labelled]
    ) -> Iterator[Command]:
        """Return the commands that write it, all arguments as text.

        COUNT, SEEN and EVICTED are not Redis' own; the script has them.

        Args:
            keys: What the keys are called.
            salt: What pseudonyms are made with.
            max_principals: How many are remembered of each group.
            agreed: What stands for tenants and for origins that are not told apart.
        """
        tenants, origins = agreed

        def labelled(group: Group) -> Group:
            return (*group[:2], tenants.get(group[2], group[2]))

        expires = {keys.salt: PERIOD_EXPIRES}
        for day, group, what in self.skipped:
            field = Mark(labelled(group), what, day).field()
            yield ["HSET", keys.of_period("marks", day), field, "1"]
        for day, groups in self.tally.days.items():
            counts, first, last = (keys.of_day(what, day) for what in ("counts", "first", "last"))
            marks = keys.of_period("marks", day)
            expires |= dict.fromkeys((counts, first, last), DAY_EXPIRES) | {marks: PERIOD_EXPIRES}
            for group, bucket in groups.items():
                row = labelled(group)
                yield ["ZADD", first, "LT", repr(bucket.first), json.dumps(row)]
                yield ["ZADD", last, "GT", repr(bucket.last), json.dumps(row)]
                mark = Mark(row, "requests", day).field()
                for (origin, *rest), requests in bucket.cells.items():
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
            proved = keys.last_verified(row, day) if kind == "claimed" else []
            for some in in_chunks([pseudonym_of(person, salt) for person in principals.values()]):
                yield ["PFADD", distinct, *some]
                yield ["SEEN", last_seen, *marked, proved, str(max_principals), str(day), *some]
        today = max(self.tally.days)
        marks = keys.of_period("marks", today)
        yield ["EVICTED", keys.evicted, str(PERIOD_EXPIRES), marks, _lost(ALL, today)]
        for key, seconds in expires.items():
            yield ["EXPIRE", key, str(seconds)]


def _skipped(standing: Standing) -> str:
    return "claims_skipped" if standing == "claimed" else "skipped"


def _lost(group: Group, day: int) -> str:
    return Mark(group, "lost", day).field()
