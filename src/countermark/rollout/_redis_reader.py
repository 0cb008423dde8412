"""Reads the figures of all meters from Redis.

Under ``maxmemory`` Redis evicts keys, unless its policy is ``noeviction``. Without those
of who was refused everybody looks verified, so what is read is compared with marks, which
are written elsewhere in the same step, and with Redis' own count of what it has evicted.

Above 10,000 the number of verified principals is the HyperLogLogs', some 0.8 % off.
Whether somebody is stranded is not left to them: of one stranded principal among a
thousand verified ones the difference of two counts shows something in 93 of 100 cases,
among 100,000 in 16, among a million in 1; of a hundred stranded among a million in 70.
The hashes of days show each, as far as they go.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark.rollout._counters import STANDINGS, Standing, person_of, sums
from countermark.rollout._redis_keys import (
    ALL,
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
    checked_days,
    counted,
    day_of,
    order,
    text_of,
)

if TYPE_CHECKING:
    from countermark.redis import RedisStore

# So many verified principals are counted one by one.
_EXACT = 10_000


def read_snapshot(
    store: RedisStore,
    days: int = 7,
    *,
    known: Collection[str] = (),
    clock: Callable[[], float] = time.time,
) -> Snapshot:
    """Return what all processes have counted and written.

    Args:
        store: The store of their meters, with the same prefix.
        days: How many whole days of UTC, beside today so far, from 1 to 30.
        known: Ids of principals whom the service knows, of any tenant, besides those whom
            the meters know. What requests claim of them counts as theirs.
        clock: Seconds since the epoch.

    Raises:
        ConfigurationError: They are more, or fewer.
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
    figures: GroupStats,
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
        ConfigurationError: So many days cannot be asked for.
        StoreUnavailable: Redis does not answer.
    """
    group: Group = figures.group
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
    """Reads from Redis, with a client."""

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
        figures = []
        for group in sorted({*seen, *held.groups()}, key=order):
            complete = not (evicted or group in forgotten or held.lost(group))
            claims_exact = complete and not held.marked(group, "claims_skipped")
            # The listed ones are looked for among the claims, by the tenant of the group.
            found = not self._known or (claims_exact and group[2] != OTHER)
            exact = complete and found and not held.marked(group, "skipped")
            days = [of_day[group] for of_day in held.counts.values() if group in of_day]
            times = seen.get(group, [now])
            figures.append(
                GroupStats(
                    *group,
                    counts=counted(group, sums(days).items()),
                    principals=self._principals(
                        group, window, exact=exact, claims_exact=claims_exact
                    ),
                    days_seen=len(days),
                    first_seen=min(times),
                    last_seen=max(times),
                    complete=complete,
                )
            )
        return Snapshot(now, len(window) - 1, tuple(figures))

    def seen(self, group: Group, window: range, known: Collection[str]) -> _Seen:
        """Return the principals of a group, those of *known* among its claims as known.

        *known* are pseudonyms.
        """
        affected = self._since("last_unverified", group, window)
        claimed = self._since("last_claimed", group, window) - affected
        since, before = self._verified_among(group, window, affected | claimed)
        affected |= claimed & (before | since | set(known))
        return _Seen(affected, affected - since, claimed - affected - since)

    def _verified_among(
        self, group: Group, window: range, asked: set[str]
    ) -> tuple[set[str], set[str]]:
        """Return those of *asked* who were verified in the window, and on any kept day."""
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
        """Return the pseudonyms of the principals whom the report was told of."""
        tenant = None if group[2] is None else text_of(group[2])
        people = (person_of(*group[:2], tenant, each) for each in self._known)
        return {pseudonym_of(person, self._salt) for person in people}

    def _since(self, what: str, group: Group, window: range) -> set[str]:
        return {
            who
            for key in self._of_periods(what, group, window)
            for who, day in self._client.hscan_iter(key, count=CHUNK)
            if int(day) >= window.start
        }

    def _principals(
        self, group: Group, window: range, *, exact: bool, claims_exact: bool
    ) -> Principals:
        seen = self.seen(group, window, self._pseudonyms(group))
        affected = len(seen.affected)
        many = affected if exact else max(affected, self._about(group, window, "unverified"))
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
        return self._about(group, window, "verified")

    def _about(self, group: Group, window: range, what: Standing) -> int:
        keys = [self._keys.of_day(what, day, group) for day in window]
        return int(self._client.pfcount(*keys))

    def _held(self, window: range) -> _Held:
        """Return what there is and what there must be, at one moment."""
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
                scheme, environment, tenant, *cell = json.loads(field)
                origin, role, code, admitted_by, claim = cell
                cells = counts[day].setdefault((scheme, environment, tenant), {})
                cells[origin, role, code, admitted_by, claim] = int(requests)
        return _Held(window, counts, marks)

    def _forgotten(self, held: _Held) -> set[Group]:
        """Return the groups with fewer pseudonyms than there must be."""
        marks = [mark for mark in held.marks if mark.what in STANDINGS]
        keys = [self._keys.of_day(f"last_{mark.what}", mark.when, mark.group) for mark in marks]
        sizes = zip(marks, self._each("hlen", keys), strict=True)
        return {mark.group for mark, size in sizes if size < held.marks[mark]}

    def _has_evicted(self) -> bool:
        """Tell whether Redis has evicted keys since a meter looked."""
        from redis import ResponseError  # noqa: TID251  # it is there where a store is

        try:
            evicted = self._client.info("stats").get("evicted_keys", 0)
        except ResponseError:  # of those who may not ask
            return False
        return evicted not in (0, int(self._client.get(self._keys.evicted) or 0))

    def _seen(self, kept: range) -> dict[Group, list[float]]:
        """Return when each group was seen, the first and the last time of each day among it."""
        seen: dict[Group, list[float]] = {}
        keys = [self._keys.of_day(what, day) for what in ("first", "last") for day in kept]
        for pairs in self._each("zrange", keys, 0, -1, withscores=True):
            for text, when in pairs:
                seen.setdefault(_group(text), []).append(when)
        return seen

    def _of_periods(self, what: str, group: Group, window: range) -> list[str]:
        return sorted({self._keys.of_period(what, day, group) for day in window})

    def _each(self, command: str, keys: list[str], *arguments: Any, **options: Any) -> list[Any]:
        pipeline = self._client.pipeline()  # in one transaction
        for key in keys:
            getattr(pipeline, command)(key, *arguments, **options)
        answers: list[Any] = pipeline.execute()
        return answers


class _Seen(NamedTuple):
    """The pseudonyms of a group: affected, stranded, and merely claimed."""

    affected: set[str]
    stranded: set[str]
    claimed: set[str]


class _Held(NamedTuple):
    """What there is in Redis of the days of *window*, and what there must be."""

    window: range
    counts: dict[int, dict[Group, dict[CountKey, int]]]
    marks: dict[Mark, int]

    def groups(self) -> set[Group]:
        """Return whatever had requests."""
        marked = {
            mark.group
            for mark in self.marks
            if mark.what == "requests" and mark.when in self.window
        }
        return marked.union(*self.counts.values())

    def marked(self, group: Group, what: str) -> bool:
        """Tell whether a day is marked as *what*."""
        return any(Mark(group, what, day) in self.marks for day in self.window)

    def lost(self, group: Group) -> bool:
        """Tell whether any requests are missing, or anything was noticed to be."""
        return (
            self.marked(group, "lost")
            or self.marked(ALL, "lost")
            or any(
                sum(self.counts[day].get(group, {}).values())
                != self.marks.get(Mark(group, "requests", day), 0)
                for day in self.window
            )
        )


def _group(text: str) -> Group:
    scheme, environment, tenant = json.loads(text)
    return scheme, environment, tenant
