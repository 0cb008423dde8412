"""Reads the counts of all meters from Redis.

Redis evicts keys at ``maxmemory``, unless its policy is ``noeviction``. If the keys of
unverified requests are evicted, all principals look verified. So the counts are compared with
marks, which are written in the same step to another key, and with the number of keys that the
server reports as evicted.

Above 10,000, the number of verified principals is that of HyperLogLogs, with an error of about
0.8 %. HyperLogLogs cannot find stranded principals: the difference of two counts is above zero
for one stranded principal among a thousand verified ones in 93 of 100 cases, among 100,000 in
16, among a million in 1; for a hundred stranded principals among a million in 70. The hashes of
days find each one, up to ``max_principals``.

Each group is read in one step. Requests that come between the steps are in some groups only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from countermark.rollout._counters import STANDINGS, Standing, person_of, sums
from countermark.rollout._redis_contents import HeldCounts, SeenPrincipals
from countermark.rollout._redis_keys import (
    ALL,
    CHUNK,
    GroupKeys,
    Mark,
    in_chunks,
    period_of,
    pseudonym_of,
    salt_in,
)
from countermark.rollout._redis_scripts import READ
from countermark.rollout._snapshot import (
    KEPT_DAYS,
    OTHER,
    CountKey,
    Group,
    GroupStats,
    Principals,
    Snapshot,
    by_day,
    checked_days,
    counted,
    day_of,
    order,
    text_of,
)

if TYPE_CHECKING:
    from countermark.redis import RedisStore

# The most verified principals that are counted one by one.
_EXACT = 10_000


def read_snapshot(
    store: RedisStore,
    days: int = 7,
    *,
    known: Collection[str] = (),
    clock: Callable[[], float] = time.time,
) -> Snapshot:
    """Return the counts that all processes have written.

    Args:
        store: The store of the meters, with the same prefix.
        days: The number of whole days in UTC in addition to today, from 1 to 30.
        known: Ids of further known principals, of any tenant, in addition to those that the
            meters know. Claims of these ids count as requests of the principals.
        clock: Returns seconds since the epoch.

    Raises:
        ConfigurationError: *days* is out of range.
        StoreUnavailable: Redis does not answer.
    """
    now = clock()
    salt = salt_in(store) if known else ""
    window = range(day_of(now) - checked_days(days), day_of(now) + 1)
    kept = range(day_of(now) - KEPT_DAYS, day_of(now) + 1)
    groups, complete = _register(store, window, kept)
    read = []
    for group in sorted(groups, key=order):
        reader = _GroupReader(store, group, window, kept)
        pseudonyms = _pseudonyms(group, known, salt)
        read.append(reader.stats(now, reader.held(), pseudonyms, complete=complete))
    return Snapshot(now, days, tuple(read))


def stranded_among(
    store: RedisStore,
    stats: GroupStats,
    people: Iterable[tuple[str | None, str]],
    days: int = 7,
) -> list[str]:
    """Return the ids of the principals among *people* who had unverified requests only.

    Args:
        store: The store of the meters.
        stats: The group to look in.
        people: Pairs of a tenant, or None, and the id of a principal.
        days: As for :func:`read_snapshot`.

    Raises:
        ConfigurationError: *days* is out of range.
        StoreUnavailable: Redis does not answer.
    """
    group: Group = stats.group
    today = day_of(time.time())
    window = range(today - checked_days(days), today + 1)
    salt = salt_in(store)
    asked = {
        pseudonym_of(person_of(*group[:2], tenant, principal_id), salt): principal_id
        for tenant, principal_id in people
    }
    stranded = _GroupReader(store, group, window, window).seen(set(asked)).stranded
    return [principal_id for who, principal_id in asked.items() if who in stranded]


def _register(store: RedisStore, window: range, kept: range) -> tuple[set[Group], bool]:
    """Return the groups with requests on days that are kept, and whether these are all."""
    keys = GroupKeys(store, ALL)
    held = _GroupReader(store, ALL, window, kept).held(["groups"])
    days = store.ask(
        lambda client: [client.hgetall(key) for key in keys.of_periods("last_groups", kept)]
    )
    # A process whose clock is ahead may have named a group on a day that has not come yet.
    names = {name for each in days for name, day in each.items() if int(day) >= kept.start}
    return {_group(name) for name in names}, held.agrees()


def _pseudonyms(group: Group, known: Collection[str], salt: str) -> set[str]:
    """Return the pseudonyms of the principals given as ``known=``."""
    tenant = None if group[2] is None else text_of(group[2])
    return {pseudonym_of(person_of(*group[:2], tenant, each), salt) for each in known}


class _GroupReader:
    """Reads the keys of a group."""

    __slots__ = ("_group", "_kept", "_keys", "_store", "_window")

    def __init__(self, store: RedisStore, group: Group, window: range, kept: range) -> None:
        self._store, self._group = store, group
        self._keys = GroupKeys(store, group)
        self._window, self._kept = window, kept

    def held(self, members: Sequence[str] = STANDINGS) -> HeldCounts:
        """Return the counts and the marks, read in one step.

        Args:
            members: The names of the hashes of members, whose sizes the marks record.
        """
        window, keys = self._window, self._keys
        counts = [keys.of_day("counts", day) for day in window]
        times, marks = keys.of_periods("times", self._kept), keys.of_periods("marks", window)
        sizes = [
            Mark(name, period)
            for name in members
            for period in sorted({period_of(day) for day in window})
        ]
        hashed = [*counts, *times, *marks]
        lasts = [keys.of_day(f"last_{mark.name}", mark.when) for mark in sizes]
        evicted, hashes, numbers = self._store.run(
            READ, [keys.evicted, *hashed, *lasts], [len(hashed)]
        )
        read = dict(zip(hashed, map(_pairs, hashes), strict=True))
        marked = {Mark.of(field): int(n) for key in marks for field, n in read[key].items()}
        forgotten = any(
            number < marked.get(mark, 0) for mark, number in zip(sizes, numbers, strict=True)
        )
        return HeldCounts(
            window,
            self._kept,
            {day: _counts(read[key]) for day, key in zip(window, counts, strict=True) if read[key]},
            {field: float(when) for key in times for field, when in read[key].items()},
            marked,
            dict(zip(lasts, numbers, strict=True)),
            bool(evicted) or forgotten,
        )

    def stats(
        self, now: float, held: HeldCounts, known: Collection[str], *, complete: bool
    ) -> GroupStats:
        """Return the statistics of the group.

        Args:
            now: The time, in seconds since the epoch.
            held: What was read before.
            known: The pseudonyms of further known principals.
            complete: Whether nothing was lost that concerns all groups.
        """
        # The times are kept for longer than the name of the group, so they must be there.
        complete = complete and held.agrees() and bool(held.times)
        claims_exact = complete and not held.marked("claims_skipped")
        # Listed principals are looked up among the claims by the tenant of the group, so they
        # cannot be found if it is "other".
        found = not known or (claims_exact and self._group[2] != OTHER)
        exact = complete and found and not held.marked("skipped")
        times = held.seen() or [now]
        return GroupStats(
            *self._group,
            counts=counted(self._group, sums(held.counts.values()).items()),
            principals=self._principals(held, known, exact=exact, claims_exact=claims_exact),
            days_seen=len(held.counts),
            first_seen=min(times),
            last_seen=max(times),
            complete=complete,
            by_day=by_day(held.counts),
            key_use=held.key_use(now),
        )

    def seen(
        self, known: Collection[str], sizes: Mapping[str, int] = MappingProxyType({})
    ) -> SeenPrincipals:
        """Return the principals.

        Args:
            known: Pseudonyms whose claims count as requests of known principals.
            sizes: The numbers of members of the hashes of members, if they were read.
        """
        affected = self._since("last_unverified", sizes)
        claimed = self._since("last_claimed", sizes) - affected
        since, before = self._verified_among(affected | claimed)
        affected |= claimed & (before | since | set(known))
        return SeenPrincipals(affected, affected - since, claimed - affected - since)

    def _verified_among(self, asked: set[str]) -> tuple[set[str], set[str]]:
        """Return the members of *asked* that were verified in the window, and on any kept day."""
        since: set[str] = set()
        ever: set[str] = set()
        keys = {key for day in self._window for key in self._keys.last_verified(day)}
        for key in sorted(keys):
            for some in in_chunks(sorted(asked)):
                days: list[str | None] = self._ask("hmget", key, some)
                seen = {who: int(day) for who, day in zip(some, days, strict=True) if day}
                ever.update(seen)
                since.update(who for who, day in seen.items() if day >= self._window.start)
        return since, ever

    def _since(self, name: str, sizes: Mapping[str, int]) -> set[str]:
        """Return the principals who were seen in the window."""
        found: set[str] = set()
        for key in self._keys.of_periods(name, self._window):
            cursor = None if sizes.get(key, 1) else 0
            while cursor != 0:
                cursor, days = self._ask("hscan", key, cursor or 0, count=4 * CHUNK)
                found.update(who for who, day in days.items() if int(day) >= self._window.start)
        return found

    def _principals(
        self, held: HeldCounts, known: Collection[str], *, exact: bool, claims_exact: bool
    ) -> Principals:
        seen = self.seen(known, held.sizes)
        affected = len(seen.affected)
        many = affected if exact else max(affected, self._estimate("unverified"))
        return Principals(
            self._verified(held.sizes),
            many,
            len(seen.stranded),
            exact,
            len(seen.claimed),
            claims_exact,
        )

    def _verified(self, sizes: Mapping[str, int]) -> int:
        keys = self._keys.of_periods("last_verified", self._window)
        if sum(sizes[key] for key in keys) <= _EXACT:
            return len(self._since("last_verified", sizes))
        return self._estimate("verified")

    def _estimate(self, standing: Standing) -> int:
        return int(self._ask("pfcount", *(self._keys.of_day(standing, d) for d in self._window)))

    def _ask(self, command: str, *arguments: Any, **options: Any) -> Any:
        return self._store.ask(lambda client: getattr(client, command)(*arguments, **options))


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _counts(fields: dict[str, str]) -> dict[CountKey, int]:
    counts: dict[CountKey, int] = {}
    for field, requests in fields.items():
        origin, role, code, admitted_by, claim = json.loads(field)
        counts[origin, role, code, admitted_by, claim] = int(requests)
    return counts


def _group(text: str) -> Group:
    scheme, environment, tenant = json.loads(text)
    return scheme, environment, tenant
