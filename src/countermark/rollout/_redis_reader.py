"""Reads the counts of all meters from Redis.

Redis evicts keys at ``maxmemory``, unless its policy is ``noeviction``. If the keys of
unverified requests are evicted, all principals look verified. So the counts are compared with
marks, which are written in the same step to another key, and with the number of keys that Redis
reports as evicted.

Above 10,000, the number of verified principals is that of HyperLogLogs, with an error of about
0.8 %. HyperLogLogs cannot find stranded principals: the difference of two counts is above zero
for one stranded principal among a thousand verified ones in 93 of 100 cases, among 100,000 in
16, among a million in 1; for a hundred stranded principals among a million in 70. The hashes of
days find each one, up to ``max_principals``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from countermark.rollout._counters import STANDINGS, Standing, person_of, sums
from countermark.rollout._redis_contents import HeldCounts, SeenPrincipals
from countermark.rollout._redis_keys import (
    CHUNK,
    Mark,
    MeterKeys,
    in_chunks,
    pseudonym_of,
    salt_in,
)
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
    return store.ask(
        lambda client: _Reader(client, store.prefix, salt, known).read(now, window, kept)
    )


def stranded_among(
    store: RedisStore,
    stats: GroupStats,
    people: Iterable[tuple[str | None, str]],
    days: int = 7,
    *,
    clock: Callable[[], float] = time.time,
) -> list[str]:
    """Return the ids of the principals among *people* who had unverified requests only.

    Args:
        store: The store of the meters.
        stats: The group to look in.
        people: Pairs of a tenant, or None, and the id of a principal.
        days: As for :func:`read_snapshot`.
        clock: Returns seconds since the epoch.

    Raises:
        ConfigurationError: *days* is out of range.
        StoreUnavailable: Redis does not answer.
    """
    group: Group = stats.group
    today = day_of(clock())
    window = range(today - checked_days(days), today + 1)
    salt = salt_in(store)
    asked = {
        pseudonym_of(person_of(*group[:2], tenant, principal_id), salt): principal_id
        for tenant, principal_id in people
    }
    stranded = store.ask(
        lambda client: _Reader(client, store.prefix).seen(group, window, set(asked)).stranded
    )
    return [principal_id for who, principal_id in asked.items() if who in stranded]


class _Reader:
    """Reads the keys of meters with a client of Redis."""

    __slots__ = ("_client", "_keys", "_known", "_salt")

    def __init__(
        self, client: Any, prefix: str, salt: str = "", known: Collection[str] = ()
    ) -> None:
        self._client, self._salt, self._known = client, salt, known
        self._keys = MeterKeys(prefix)

    def read(self, now: float, window: range, kept: range) -> Snapshot:
        held = self._held(window)
        seen = self._seen(kept)
        evicted, forgotten = self._has_evicted(), self._forgotten(held)
        groups = []
        for group in sorted({*seen, *held.groups()}, key=order):
            complete = not (evicted or group in forgotten or held.lost(group))
            claims_exact = complete and not held.marked(group, "claims_skipped")
            # Listed principals are looked up among the claims by the tenant of the group, so
            # they cannot be found if it is "other".
            found = not self._known or (claims_exact and group[2] != OTHER)
            exact = complete and found and not held.marked(group, "skipped")
            days = {day: of_day[group] for day, of_day in held.counts.items() if group in of_day}
            times = seen.get(group, [now])
            groups.append(
                GroupStats(
                    *group,
                    counts=counted(group, sums(days.values()).items()),
                    principals=self._principals(
                        group, window, exact=exact, claims_exact=claims_exact
                    ),
                    days_seen=len(days),
                    first_seen=min(times),
                    last_seen=max(times),
                    complete=complete,
                    by_day=by_day(days),
                )
            )
        return Snapshot(now, len(window) - 1, tuple(groups))

    def seen(self, group: Group, window: range, known: Collection[str]) -> SeenPrincipals:
        """Return the principals of a group.

        Claims of *known*, which are pseudonyms, count as requests of known principals.
        """
        affected = self._since("last_unverified", group, window)
        claimed = self._since("last_claimed", group, window) - affected
        since, before = self._verified_among(group, window, affected | claimed)
        affected |= claimed & (before | since | set(known))
        return SeenPrincipals(affected, affected - since, claimed - affected - since)

    def _verified_among(
        self, group: Group, window: range, asked: set[str]
    ) -> tuple[set[str], set[str]]:
        """Return the members of *asked* that were verified in the window, and on any kept day."""
        since: set[str] = set()
        ever: set[str] = set()
        keys = {key for day in window for key in self._keys.last_verified(group, day)}
        for key in sorted(keys):
            for some in in_chunks(sorted(asked)):
                pairs = zip(some, self._client.hmget(key, some), strict=True)
                seen = {who: int(day) for who, day in pairs if day}
                ever.update(seen)
                since.update(who for who, day in seen.items() if day >= window.start)
        return since, ever

    def _pseudonyms(self, group: Group) -> set[str]:
        """Return the pseudonyms of the principals given as ``known=``."""
        tenant = None if group[2] is None else text_of(group[2])
        people = (person_of(*group[:2], tenant, each) for each in self._known)
        return {pseudonym_of(person, self._salt) for person in people}

    def _since(self, name: str, group: Group, window: range) -> set[str]:
        return {
            who
            for key in self._of_periods(name, group, window)
            for who, day in self._client.hscan_iter(key, count=CHUNK)
            if int(day) >= window.start
        }

    def _principals(
        self, group: Group, window: range, *, exact: bool, claims_exact: bool
    ) -> Principals:
        seen = self.seen(group, window, self._pseudonyms(group))
        affected = len(seen.affected)
        many = affected if exact else max(affected, self._estimate(group, window, "unverified"))
        return Principals(
            self._verified(group, window),
            many,
            len(seen.stranded),
            exact,
            len(seen.claimed),
            claims_exact,
        )

    def _verified(self, group: Group, window: range) -> int:
        known = sum(map(self._client.hlen, self._of_periods("last_verified", group, window)))
        if known <= _EXACT:
            return len(self._since("last_verified", group, window))
        return self._estimate(group, window, "verified")

    def _estimate(self, group: Group, window: range, standing: Standing) -> int:
        keys = [self._keys.of_day(standing, day, group) for day in window]
        return int(self._client.pfcount(*keys))

    def _held(self, window: range) -> HeldCounts:
        """Return the counts and the marks in *window*, read in one transaction."""
        periods = sorted({self._keys.of_period("marks", day) for day in window})
        keys = [self._keys.of_day("counts", day) for day in window] + periods
        hashes = self._each("hgetall", keys)
        marks = {
            Mark.of(field): int(number)
            for hashed in hashes[len(window) :]
            for field, number in hashed.items()
        }
        counts: dict[int, dict[Group, dict[CountKey, int]]] = {day: {} for day in window}
        for day, rows in zip(window, hashes[: len(window)], strict=True):
            for field, requests in rows.items():
                scheme, environment, tenant, *key = json.loads(field)
                origin, role, code, admitted_by, claim = key
                of_group = counts[day].setdefault((scheme, environment, tenant), {})
                of_group[origin, role, code, admitted_by, claim] = int(requests)
        return HeldCounts(window, counts, marks)

    def _forgotten(self, held: HeldCounts) -> set[Group]:
        """Return the groups with fewer pseudonyms than their marks record."""
        marks = [mark for mark in held.marks if mark.name in STANDINGS]
        keys = [self._keys.of_day(f"last_{mark.name}", mark.when, mark.group) for mark in marks]
        sizes = zip(marks, self._each("hlen", keys), strict=True)
        return {mark.group for mark, size in sizes if size < held.marks[mark]}

    def _has_evicted(self) -> bool:
        """Tell whether Redis has evicted keys since the last write of a meter."""
        from redis import ResponseError  # noqa: TID251  # a store needs redis

        try:
            evicted = self._client.info("stats").get("evicted_keys", 0)
        except ResponseError:  # the user of Redis has no permission for INFO
            return False
        return evicted not in (0, int(self._client.get(self._keys.evicted) or 0))

    def _seen(self, kept: range) -> dict[Group, list[float]]:
        """Return the first and the last time of each day on which a group was seen."""
        seen: dict[Group, list[float]] = {}
        keys = [self._keys.of_day(name, day) for name in ("first", "last") for day in kept]
        for pairs in self._each("zrange", keys, 0, -1, withscores=True):
            for text, when in pairs:
                seen.setdefault(_group(text), []).append(when)
        return seen

    def _of_periods(self, name: str, group: Group, window: range) -> list[str]:
        return sorted({self._keys.of_period(name, day, group) for day in window})

    def _each(self, command: str, keys: list[str], *arguments: Any, **options: Any) -> list[Any]:
        pipeline = self._client.pipeline()  # in one transaction
        for key in keys:
            getattr(pipeline, command)(key, *arguments, **options)
        answers: list[Any] = pipeline.execute()
        return answers


def _group(text: str) -> Group:
    scheme, environment, tenant = json.loads(text)
    return scheme, environment, tenant
