"""Counts verdicts, so that enforcement is switched on by figures."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container
from hashlib import blake2b
from typing import TYPE_CHECKING
from weakref import WeakSet

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
    checked_days,
    counted,
    day_of,
    order,
    row_of,
)

if TYPE_CHECKING:
    from countermark.redis import RedisStore
    from countermark.verifying._results import Verdict

# How many principals of each kind one process tells apart, 13 MB of them at most.
_IN_PROCESS = 50_000


class Meter:
    """Counts verdicts, by scheme, environment, tenant, origin and role of the key.

    Give it to the middlewares as ``meter=``; one serves any number of them. It may
    be called from any thread, never raises and never waits for the network.
    It keeps the latest 37 days and today, and no id and no token: principals are
    told apart by salted hashes.

    Its figures are those of its own process, from the start or the fork on. With a
    *store* the counts of all processes and hosts come together in Redis as well:
    :func:`countermark.rollout.read_snapshot` and the command ``countermark
    rollout`` read them there. A thread writes them about every *interval* seconds
    while there are any, and what is left is written when the interpreter ends in
    an orderly manner, or ASGI's ``VerifyingMiddleware`` sees the application shut down.
    While Redis is away they are kept and one event says so;
    nothing is written twice. It needs Redis 6.2 or later, which evicts no keys
    (``maxmemory-policy noeviction``).

    Args:
        store: Where the counts of all processes come together.
        clock: Seconds since the epoch. Days are those of UTC.
        max_tenants: How many tenants are told apart, the first ones seen;
            the others are counted as ``other``, and so is a tenant nobody knows. A
            tenant whose id is that is called ``'other'``, with the quotes.
        max_origins: The same for origins.
        max_principals: How many principals are told apart in Redis, of each
            group, verified and not; in a process, no more than 50,000 in all. Where
            there are more, figures say that they are not exact, and nothing is
            ready to enforce. One takes some 80 bytes in Redis.
        interval: Seconds between two writes to the store.
        known: The ids of the principals whom the service knows, such as its customers: a
            collection, or a function of a tenant's id (or None) and an id. It is asked
            once for each request that is not verified and names an id, so a function must
            be quick and must not wait for a network. Without it, only principals whom a
            key has proved, or a function given as ``principal=`` names, are known.

    Raises:
        ConfigurationError: A limit is not a whole number above 0, the interval is not
            above 0 or is longer than an hour, or *store* or *known* is of another kind.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
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
        "_tally",
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
        if store is not None:
            from countermark.redis import RedisStore  # for those alone who share

            if not isinstance(store, RedisStore):
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
        _METERS.add(self)

    def _begin(self) -> None:
        """Begin with nothing: when it is made, and in the child after a fork.

        What the parent counted is the parent's to tell and to write, and a thread of
        the parent's may have held the lock.
        """
        from threading import Lock  # late, as it is slow to import

        max_tenants, max_origins, max_principals = self._limits
        self._lock = Lock()
        self._salt = os.urandom(32)
        self._tenants, self._origins = LabelLimiter(max_tenants), LabelLimiter(max_origins)
        self._tally = DailyCounts()
        self._totals: dict[tuple[Group, CountKey], int] = {}
        self._last_seen = LastSeen(min(max_principals, _IN_PROCESS))
        self._day = 0
        self._failing = False
        self._write_behind = None
        if self._store is not None:
            from countermark.rollout._redis_writer import WriteBehind  # for those alone who share

            self._write_behind = WriteBehind(
                self._store, self._tenants, self._origins, max_principals, self._interval
            )

    def __call__(self, verdict: Verdict) -> None:
        """Count *verdict*."""
        try:
            self._count(verdict)
        except Exception as error:  # counting never breaks a request
            self._report(error)

    def _is_known(self, tenant: str | None, name: str) -> bool:
        try:
            known = bool(self._known(tenant, name))
        except Exception as error:
            self._report(error)
            return True  # so that it speaks against enforcing
        self._failing = False
        return known

    def _report(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            emit(Event("failed", "meter_raised", error=type(error).__name__), None)

    def _count(self, verdict: Verdict) -> None:
        now = self._clock()
        day = day_of(now)
        environment = verdict.environment or None  # see LabelLimiter: none is none
        person = None
        is_claim = False
        if name := _name(verdict):
            is_claim = verdict.is_claim and not self._is_known(verdict.tenant or None, name)
            text = person_of(verdict.scheme, environment, verdict.tenant or None, name)
            person = (text, blake2b(text, digest_size=8, key=self._salt).digest())
        with self._lock:
            # Anybody can make up tenants that nobody knows, and take the place of real ones.
            unknown = verdict.code == "unknown_tenant"
            tenant = OTHER if unknown else self._tenants.of(verdict.tenant)
            group: Group = (verdict.scheme, environment, tenant)
            standing: Standing = "verified" if verdict.verified else "unverified"
            if is_claim and person is not None:
                is_claim = not self._last_seen.was_verified(group, person[1])
                standing = "claimed" if is_claim else standing
            origin = self._origins.of(verdict.origin)
            # A request without a token counts in the share, whether it names an id or not:
            # it may be of a client that is not updated yet.
            is_claim = is_claim and verdict.code != "missing"
            cell: CountKey = (origin, verdict.role, verdict.code, verdict.admitted_by, is_claim)
            self._total(group, cell)
            self._tally.add(day, now, group, cell)
            if day > self._day:
                self._day = day
                self._last_seen.forget(day - KEPT_DAYS)
            if person is not None:
                self._last_seen.add(day, group, person[1], standing)
        if self._write_behind is not None:
            self._write_behind.add(day, now, group, cell, person and (*person, standing))

    def _total(self, group: Group, cell: CountKey) -> None:
        if (group, cell) not in self._totals and len(self._totals) >= MOST_ROWS:
            cell = (cell[0] and OTHER, *cell[1:])
        self._totals[group, cell] = self._totals.get((group, cell), 0) + 1

    def totals(self) -> list[RequestCount]:
        """Return what this process has counted since it began."""
        with self._lock:
            totals = list(self._totals.items())
        return [row_of(group, cell, requests) for (group, cell), requests in totals]

    def snapshot(self, days: int = 7) -> Snapshot:
        """Return what this process has counted.

        Args:
            days: How many whole days, beside today so far, from 1 to 30.

        Raises:
            ConfigurationError: They are more, or fewer.
        """
        now = self._clock()
        first = day_of(now) - checked_days(days)
        with self._lock:
            seen = {group for groups in self._tally.days.values() for group in groups}
            figures = [self._figures(group, first) for group in sorted(seen, key=order)]
        return Snapshot(now, days, tuple(figures))

    def _figures(self, group: Group, first: int) -> GroupStats:
        kept = {day: groups[group] for day, groups in self._tally.days.items() if group in groups}
        asked = [bucket for day, bucket in kept.items() if day >= first]
        return GroupStats(
            *group,
            counts=counted(group, sums(bucket.cells for bucket in asked).items()),
            principals=self._last_seen.since(first, group),
            days_seen=len(asked),
            first_seen=min(bucket.first for bucket in kept.values()),
            last_seen=max(bucket.last for bucket in kept.values()),
        )

    def flush(self) -> bool:
        """Write to the store what is not yet written; return whether nothing is left."""
        return self._write_behind is None or self._write_behind.flush()

    def __repr__(self) -> str:
        return f"<Meter shared={self._store is not None}>"


def _name(verdict: Verdict) -> str | None:
    """Return the id that is proved, or else claimed."""
    proved = None if verdict.identity is None else verdict.identity.principal_id
    return nameable(proved) or nameable(verdict.claimed_id)


_METERS: WeakSet[Meter] = WeakSet()


def _begin_again() -> None:
    for meter in list(_METERS):
        meter._begin()  # noqa: SLF001  # its own module


# Where there is no fork, there is nothing to do.
getattr(os, "register_at_fork", lambda **hooks: None)(after_in_child=_begin_again)
