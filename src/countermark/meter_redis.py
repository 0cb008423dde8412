"""The meter's figures in Redis: how they are written, and how they are read.

Under the prefix of the store, in keys that expire by themselves:

* ``meter:salt``: what pseudonyms are made with;
* ``meter:tenants``, ``meter:origins``: sets of what is told apart;
* ``meter:counts:DAY``: a hash of requests by scheme, environment, tenant, origin, role
  of the key, code and what let the request in;
* ``meter:first:DAY``, ``meter:last:DAY``: when each group was seen;
* ``meter:verified:DAY:GROUP``, ``meter:unverified:DAY:GROUP``: HyperLogLogs of pseudonyms;
* ``meter:last_verified:PERIOD:GROUP``, ``meter:last_unverified:PERIOD:GROUP``: hashes of
  the day on which each pseudonym was seen last;
* ``meter:skipped:DAY``: groups with more principals than that;
* ``meter:written:WORKER``: the number of the last write of a process.

Above 10,000 the number of verified principals is the HyperLogLogs', some 0.8 % off.
Whether somebody is stranded is not left to them: of one stranded principal among a
thousand verified ones the difference of two counts shows something in 93 of 100 cases,
among 100,000 in 16, among a million in 1; of a hundred stranded among a million in 70.
The hashes of days show each, as far as they go.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from countermark.figures import (
    KEPT_DAYS,
    Cell,
    Figures,
    Group,
    Principals,
    Snapshot,
    counted,
    day_of,
    order,
)
from countermark.tally import person_of

if TYPE_CHECKING:
    from countermark.redis import RedisStore

# A window of days lies in two periods at most, so one entry per principal is enough
# and nobody has to tidy up.
_PERIOD = KEPT_DAYS + 2

#: When the keys of a day, and of a period, expire: in seconds.
DAY_EXPIRES, PERIOD_EXPIRES = 86_400 * (KEPT_DAYS + 2), 86_400 * (2 * _PERIOD + 2)

_CHUNK = 500

# So many verified principals are counted one by one.
_EXACT = 10_000


class MeterKeys:
    """What the meter's keys in Redis are called."""

    __slots__ = ("_prefix", "origins", "salt", "tenants")

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}meter:"
        self.salt = f"{self._prefix}salt"
        self.tenants = f"{self._prefix}tenants"
        self.origins = f"{self._prefix}origins"

    def of_day(self, what: str, day: int, group: Group | None = None) -> str:
        """Return the key of *what* on *day*, for one group or for all."""
        return f"{self._prefix}{what}:{day}" + ("" if group is None else f":{json.dumps(group)}")

    def of_period(self, what: str, day: int, group: Group) -> str:
        """Return the key of *what* in the period that *day* lies in."""
        return self.of_day(what, day // _PERIOD, group)

    def written(self, worker: str) -> str:
        """Return the key of the number of the last write of *worker*."""
        return f"{self._prefix}written:{worker}"


def salt_in(store: RedisStore) -> str:
    """Return the salt that all workers share; make it if there is none.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    key = MeterKeys(store.prefix).salt

    def ask(client: Any) -> str:
        client.set(key, os.urandom(32).hex(), nx=True, ex=PERIOD_EXPIRES)
        return str(client.get(key))

    return store.ask(ask)


def pseudonym_of(person: bytes, salt: str) -> str:
    """Return what stands for a person in Redis, sixteen hexadecimal digits."""
    return blake2b(person, digest_size=8, key=salt.encode()[:64]).hexdigest()


def read_snapshot(
    store: RedisStore, days: int = 7, *, clock: Callable[[], float] = time.time
) -> Snapshot:
    """Return what all processes have counted and written.

    Args:
        store: The store of their meters, with the same prefix.
        days: How many whole days of UTC, beside today so far; 30 at most.
        clock: Seconds since the epoch.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    now, days = clock(), min(days, KEPT_DAYS)
    window = range(day_of(now) - days, day_of(now) + 1)
    kept = range(day_of(now) - KEPT_DAYS, day_of(now) + 1)
    return store.ask(lambda client: _Reader(client, store.prefix).read(now, window, kept))


def stranded_among(
    store: RedisStore,
    figures: Figures,
    people: Iterable[tuple[str | None, str]],
    days: int = 7,
    *,
    clock: Callable[[], float] = time.time,
) -> list[str]:
    """Return the ids of those among *people* whose requests were all unverified.

    Args:
        store: The store of the meters.
        figures: The group to look in.
        people: Pairs of a tenant, or None, and the id of a principal.
        days: As for :func:`read_snapshot`.
        clock: Seconds since the epoch.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    group: Group = figures[:3]
    window = range(day_of(clock()) - min(days, KEPT_DAYS), day_of(clock()) + 1)
    salt = salt_in(store)
    asked = {
        pseudonym_of(person_of(*group[:2], tenant, principal_id), salt): principal_id
        for tenant, principal_id in people
    }
    stranded = store.ask(lambda client: _Reader(client, store.prefix).stranded(group, window)[1])
    return [principal_id for who, principal_id in asked.items() if who in stranded]


class _Reader:
    """Reads from Redis, with a client."""

    __slots__ = ("_client", "_keys")

    def __init__(self, client: Any, prefix: str) -> None:
        self._client = client
        self._keys = MeterKeys(prefix)

    def read(self, now: float, window: range, kept: range) -> Snapshot:
        counts, days_seen = self._counts(window)
        first, last = self._seen("first", kept, min), self._seen("last", kept, max)
        keys = [self._keys.of_day("skipped", day) for day in window]
        skipped = {_group(text) for members in self._each("smembers", keys) for text in members}
        figures = [
            Figures(
                *group,
                counts=counted(group, counts.get(group, {}).items()),
                principals=self._principals(group, window, exact=group not in skipped),
                days_seen=days_seen.get(group, 0),
                first_seen=first[group],
                last_seen=last[group],
            )
            for group in sorted(first, key=order)
        ]
        return Snapshot(now, len(window) - 1, tuple(figures))

    def stranded(self, group: Group, window: range) -> tuple[set[str], set[str]]:
        """Return the pseudonyms of who had an unverified request, and of who had only such."""
        affected = self._since("last_unverified", group, window)
        stranded = set(affected)
        for key in self._of_periods("last_verified", group, window):
            for some in in_chunks(sorted(affected)):
                days = self._client.hmget(key, some)
                pairs = zip(some, days, strict=True)
                stranded -= {who for who, day in pairs if day and int(day) >= window.start}
        return affected, stranded

    def _since(self, what: str, group: Group, window: range) -> set[str]:
        return {
            who
            for key in self._of_periods(what, group, window)
            for who, day in self._client.hscan_iter(key, count=_CHUNK)
            if int(day) >= window.start
        }

    def _principals(self, group: Group, window: range, *, exact: bool) -> Principals:
        affected, stranded = self.stranded(group, window)
        many = len(affected) if exact else max(len(affected), self._about(group, window, False))
        return Principals(self._verified(group, window), many, len(stranded), exact)

    def _verified(self, group: Group, window: range) -> int:
        known = sum(map(self._client.hlen, self._of_periods("last_verified", group, window)))
        if known <= _EXACT:
            return len(self._since("last_verified", group, window))
        return self._about(group, window, True)

    def _about(self, group: Group, window: range, verified: bool) -> int:
        what = "verified" if verified else "unverified"
        keys = [self._keys.of_day(what, day, group) for day in window]
        return int(self._client.pfcount(*keys))

    def _counts(self, window: range) -> tuple[dict[Group, dict[Cell, int]], dict[Group, int]]:
        counts: dict[Group, dict[Cell, int]] = {}
        days: dict[Group, int] = {}
        for rows in self._each("hgetall", [self._keys.of_day("counts", day) for day in window]):
            of_day = set()
            for field, requests in rows.items():
                scheme, environment, tenant, *rest = json.loads(field)
                origin, role, code, let_in_by = rest
                of_day.add(group := (scheme, environment, tenant))
                cells, cell = counts.setdefault(group, {}), (origin, role, code, let_in_by)
                cells[cell] = cells.get(cell, 0) + int(requests)
            days |= {group: days.get(group, 0) + 1 for group in of_day}
        return counts, days

    def _seen(
        self, what: str, kept: range, choose: Callable[[float, float], float]
    ) -> dict[Group, float]:
        seen: dict[Group, float] = {}
        keys = [self._keys.of_day(what, day) for day in kept]
        for pairs in self._each("zrange", keys, 0, -1, withscores=True):
            for text, when in pairs:
                group = _group(text)
                seen[group] = choose(seen.get(group, when), when)
        return seen

    def _of_periods(self, what: str, group: Group, window: range) -> list[str]:
        return sorted({self._keys.of_period(what, day, group) for day in window})

    def _each(self, command: str, keys: list[str], *arguments: Any, **options: Any) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            getattr(pipeline, command)(key, *arguments, **options)
        answers: list[Any] = pipeline.execute()
        return answers


def in_chunks(members: Sequence[str]) -> Iterator[Sequence[str]]:
    """Return *members* in parts that a command of Redis takes."""
    return (members[at : at + _CHUNK] for at in range(0, len(members), _CHUNK))


def _group(text: str) -> Group:
    scheme, environment, tenant = json.loads(text)
    return scheme, environment, tenant
