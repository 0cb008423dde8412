"""Counts verdicts, as evidence for the decision to enforce."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container
from hashlib import blake2b
from typing import TYPE_CHECKING

from countermark._forks import call_after_fork
from countermark._option_checks import is_redis_store
from countermark._redaction import guarded
from countermark.errors import ConfigurationError
from countermark.events import Event, emit
from countermark.rollout._counters import (
    MOST_ROWS,
    DailyCounts,
    LabelLimiter,
    LastSeen,
    Standing,
    nameable,
    person_of,
    sums,
)
from countermark.rollout._snapshot import (
    KEPT_DAYS,
    OTHER,
    CountKey,
    Group,
    GroupStats,
    RequestCount,
    Snapshot,
    by_day,
    checked_days,
    counted,
    day_of,
    key_use,
    order,
    row_of,
)

if TYPE_CHECKING:
    from countermark.redis import RedisStore
    from countermark.verifying._results import Verdict

# The most principals of each standing that one process distinguishes. They take 20 MB at most.
_IN_PROCESS = 50_000


class Meter:
    """Counts verdicts, by scheme, environment, tenant, origin and role of the key.

    Pass it to the middlewares as ``meter=``; several middlewares can share one meter. It can
    be called from any thread, never raises and never waits for the network. It keeps the
    latest 37 days and today. It stores no ids and no tokens: principals are distinguished by
    salted hashes.

    A meter counts the requests of its own process, since the start or the fork. With a
    *store*, it also adds them to the counts of all processes and hosts in Redis:
    :func:`countermark.rollout.read_snapshot` and the command ``countermark rollout`` read
    them. New counts are written about every *interval* seconds, in the background. The last
    ones are written when the interpreter exits normally, or when an ASGI middleware of this
    package receives the shutdown event. While Redis is unavailable, the meter keeps the counts
    and emits one event. No count is written twice, and writes that a failover has lost are
    written again. Redis must be 6.2 or later, and must not evict keys (``maxmemory-policy
    noeviction``).

    Args:
        store: The Redis in which the counts of all processes are added up.
        clock: Returns seconds since the epoch. Days are those of UTC.
        max_tenants: The most tenants that are distinguished, the first ones seen. All others
            are counted as ``other``, and so are unknown tenants. A tenant with the id
            ``other`` is named ``'other'``, with the quotes.
        max_origins: The same for origins.
        max_principals: The most principals that are distinguished in Redis, for each group and
            standing; in one process, 50,000 of each standing at most. If a group has more known
            principals, its numbers are marked as not exact, and it is not ready to enforce. A
            principal takes about 80 bytes in Redis.
        interval: Seconds between two writes to the store.
        known: The ids of the known principals, such as the customers of the service: a
            collection, or a function of a tenant's id (or None) and an id. It is used once
            for each request that is not verified and has an id, so a function must be fast
            and must not wait for a network. Without it, a principal is known only if a token
            verified them, or a function given as ``claimed_id=`` returned them.

    Raises:
        ConfigurationError: A limit is not a whole number above 0, the interval is not
            above 0 or is longer than an hour, or *store* or *known* has a wrong type.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_counts",
        "_day",
        "_failing",
        "_interval",
        "_known",
        "_last_seen",
        "_limits",
        "_lock",
        "_origins",
        "_salt",
        "_store",
        "_tenants",
        "_totals",
        "_write_behind",
    )

    @guarded
    def __init__(
        self,
        *,
        store: RedisStore | None = None,
        clock: Callable[[], float] = time.time,
        max_tenants: int = 100,
        max_origins: int = 50,
        max_principals: int = 100_000,
        interval: float = 2.0,
        known: Container[str] | Callable[[str | None, str], bool] = frozenset(),
    ) -> None:
        limits: tuple[object, ...] = (max_tenants, max_origins, max_principals)
        if not all(type(limit) is int and limit > 0 for limit in limits):
            raise ConfigurationError(
                "max_tenants=, max_origins= and max_principals= must be whole numbers above 0"
            )
        pause: object = interval
        if not isinstance(pause, int | float) or not 0 < pause <= 3600:
            raise ConfigurationError("interval= must be a number of seconds, from above 0 to 3600")
        if store is not None and not is_redis_store(store):
            raise ConfigurationError(
                f"store= takes a countermark.redis.RedisStore, not {type(store).__name__}"
            )
        collection: object = known
        if isinstance(collection, str) or not (
            callable(collection) or hasattr(collection, "__contains__")
        ):
            raise ConfigurationError(
                "known= must be a collection of ids, or a function of a tenant's id and an id"
            )
        self._known: Callable[[str | None, str], bool] = (
            known if callable(known) else lambda tenant, principal_id: principal_id in known
        )
        self._store = store
        self._clock = clock
        self._limits = (max_tenants, max_origins, max_principals)
        self._interval = interval
        self._begin()
        call_after_fork(self._begin)

    def _begin(self) -> None:
        """Reset all counts: for a new meter, and in the child process after a fork.

        The parent reports and writes its own counts, and one of its threads may have held the
        lock during the fork.
        """
        from threading import Lock  # late, as it is slow to import

        max_tenants, max_origins, max_principals = self._limits
        self._lock = Lock()
        self._salt = os.urandom(32)
        self._tenants, self._origins = LabelLimiter(max_tenants), LabelLimiter(max_origins)
        self._counts = DailyCounts()
        self._totals: dict[tuple[Group, CountKey], int] = {}
        self._last_seen = LastSeen(min(max_principals, _IN_PROCESS))
        self._day = 0
        self._failing = False
        self._write_behind = None
        if self._store is not None:
            # Late, because only shared meters need it.
            from countermark.rollout._redis_writer import WriteBehind

            self._write_behind = WriteBehind(
                self._store, self._tenants, self._origins, max_principals, self._interval
            )

    def __call__(self, verdict: Verdict) -> None:
        """Count *verdict*."""
        try:
            self._count(verdict)
        except Exception as error:  # a failed count must not break the request
            self._report(error)

    def _is_known(self, tenant: str | None, name: str) -> bool:
        try:
            known = bool(self._known(tenant, name))
        except Exception as error:
            self._report(error)
            return True  # the request then counts against enforcement
        self._failing = False
        return known

    def _report(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            emit(Event("failed", "meter_raised", error=type(error).__name__), None)

    def _count(self, verdict: Verdict) -> None:
        now = self._clock()
        day = day_of(now)
        environment = verdict.environment or None  # empty texts count as None, as in LabelLimiter
        person = None
        is_claim = False
        if name := _name(verdict):
            is_claim = verdict.is_claim and not self._is_known(verdict.tenant or None, name)
            text = person_of(verdict.scheme, environment, verdict.tenant or None, name)
            person = (text, blake2b(text, digest_size=8, key=self._salt).digest())
        with self._lock:
            # Clients can make up unknown tenants; these must not take the room of known ones.
            unknown = verdict.code == "unknown_tenant"
            tenant = OTHER if unknown else self._tenants.of(verdict.tenant)
            group: Group = (verdict.scheme, environment, tenant)
            standing: Standing = "verified" if verdict.verified else "unverified"
            if is_claim and person is not None:
                is_claim = not self._last_seen.was_verified(group, person[1])
                standing = "claimed" if is_claim else standing
            origin = self._origins.of(verdict.origin)
            # A request without a token counts in the share even if it has a claimed id: the
            # client may not be updated yet.
            is_claim = is_claim and verdict.code != "missing"
            key: CountKey = (origin, verdict.role, verdict.code, verdict.admitted_by, is_claim)
            self._total(group, key)
            self._counts.add(day, now, group, key)
            if day > self._day:
                self._day = day
                self._last_seen.forget(day - KEPT_DAYS)
            if person is not None:
                self._last_seen.add(day, group, person[1], standing)
        if self._write_behind is not None:
            self._write_behind.add(day, now, group, key, person and (*person, standing))

    def _total(self, group: Group, key: CountKey) -> None:
        if (group, key) not in self._totals and len(self._totals) >= MOST_ROWS:
            key = (key[0] and OTHER, *key[1:])
        self._totals[group, key] = self._totals.get((group, key), 0) + 1

    def totals(self) -> list[RequestCount]:
        """Return the counts of this process since it started."""
        with self._lock:
            totals = list(self._totals.items())
        return [row_of(group, key, requests) for (group, key), requests in totals]

    def snapshot(self, days: int = 7) -> Snapshot:
        """Return the counts of this process for the last days.

        Args:
            days: The number of whole days in addition to today, from 1 to 30.

        Raises:
            ConfigurationError: *days* is out of range.
        """
        now = self._clock()
        first = day_of(now) - checked_days(days)
        with self._lock:
            seen = {group for groups in self._counts.days.values() for group in groups}
        # One group after another, so that no request waits for all of them.
        stats = [self._stats(group, first) for group in sorted(seen, key=order)]
        return Snapshot(now, days, tuple(stats))

    def _stats(self, group: Group, first: int) -> GroupStats:
        with self._lock:
            return self._locked_stats(group, first)

    def _locked_stats(self, group: Group, first: int) -> GroupStats:
        kept = {day: groups[group] for day, groups in self._counts.days.items() if group in groups}
        window = {day: group_day.counts for day, group_day in kept.items() if day >= first}
        return GroupStats(
            *group,
            counts=counted(group, sums(window.values()).items()),
            principals=self._last_seen.since(first, group),
            days_seen=len(window),
            first_seen=min(group_day.first for group_day in kept.values()),
            last_seen=max(group_day.last for group_day in kept.values()),
            by_day=by_day(window),
            key_use=key_use(use for group_day in kept.values() for use in group_day.used.items()),
        )

    def flush(self) -> bool:
        """Write all counts; return whether the store, and its replicas, have all of them."""
        return self._write_behind is None or self._write_behind.flush()

    @property
    def lost(self) -> int:
        """The number of requests of this process that Redis had confirmed and then lost."""
        return 0 if self._write_behind is None else self._write_behind.lost

    def __repr__(self) -> str:
        return f"<Meter shared={self._store is not None}>"


def _name(verdict: Verdict) -> str | None:
    """Return the verified id, otherwise the claimed one."""
    proved = None if verdict.identity is None else verdict.identity.principal_id
    return nameable(proved) or nameable(verdict.claimed_id)
