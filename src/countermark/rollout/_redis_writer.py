"""Writes the counts of a process to Redis, in the background."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Final

from countermark._background import Job
from countermark._locks import ProcessLock
from countermark.events import Event, emit
from countermark.rollout._counters import STANDINGS, LabelLimiter, Standing
from countermark.rollout._redis_batch import Collected
from countermark.rollout._redis_keys import ALL, Mark, salt_in
from countermark.rollout._redis_labels import SharedLabels
from countermark.rollout._redis_queue import NOT_ACKNOWLEDGED, GroupQueue
from countermark.rollout._snapshot import CountKey, Group

if TYPE_CHECKING:
    from countermark.redis import RedisStore

# The most principals of each standing that are remembered as reported today.
_MOST_REPORTED: Final = 50_000

# The most bytes of batches that a process keeps because replicas have not acknowledged them.
_MOST_KEPT: Final = 4_000_000

# After this number of groups without an answer, the others are left for the next time.
_MOST_FAILURES: Final = 3


class WriteBehind:
    """Collects the counts of a meter, and writes them every *interval* seconds."""

    def __init__(
        self,
        store: RedisStore,
        tenants: LabelLimiter,
        origins: LabelLimiter,
        max_principals: int,
        interval: float,
    ) -> None:
        self._store = store
        self._tenants = SharedLabels(store, "tenants", tenants)
        self._origins = SharedLabels(store, "origins", origins)
        self._max_principals = max_principals
        self._salt = ""
        self._problem: str | None = None
        self._lock = Lock()
        self._flushing = ProcessLock()
        self._job = Job(self._run, interval, name="countermark-meter", at_exit=True)
        self._pending = Collected()
        self._taken: Collected | None = None
        self._queues: dict[Group, GroupQueue] = {}
        self._day = self._day_in_redis = 0
        # The groups and principals that Redis has for this day: most requests are theirs.
        self._registered: set[tuple[int, Group]] = set()
        self._reported: dict[Standing, set[bytes]] = {standing: set() for standing in STANDINGS}
        self._losses = 0
        self.lost = 0

    def add(
        self,
        day: int,
        now: float,
        group: Group,
        key: CountKey,
        person: tuple[bytes, bytes, Standing] | None,
    ) -> None:
        """Collect a request, and let it be written soon.

        Args:
            day: The day of the request.
            now: The time of the request, in seconds since the epoch.
            group: The group of the request.
            key: The other attributes of the request.
            person: The principal, if known: the result of ``person_of``, the pseudonym in
                this process, and the standing.
        """
        with self._lock:
            if day != self._day:
                self._day = day
                for each in self._reported.values():
                    each.clear()
            self._pending.add(day, now, group, key)
            if person is not None:
                text, pseudonym, standing = person
                reported = self._reported[standing]
                if pseudonym not in reported and self._pending.add_principal(
                    day, group, standing, text
                ):
                    if len(reported) >= _MOST_REPORTED:
                        reported.clear()
                    reported.add(pseudonym)
        if not self._job.started:
            self._job.start()

    def flush(self) -> bool:
        """Write all collected requests; return whether they are durable in Redis."""
        with self._flushing:
            losses = self._losses
            problem = self._write()
            if self._losses > losses:
                emit(Event("failed", "meter_lost"), None)
            if problem is not None and self._problem is None:
                reason = "unreplicated" if problem == NOT_ACKNOWLEDGED else "unavailable"
                emit(Event("failed", f"meter_{reason}", error=problem), None)
            self._problem = problem
            return problem is None

    def _run(self) -> bool:
        """Write; return whether there is more to do."""
        self.flush()
        with self._flushing, self._lock:
            waiting = self._taken is not None or bool(self._pending.batches)
            return waiting or not all(queue.is_idle for queue in self._queues.values())

    def _write(self) -> str | None:
        """Write all that can be written; return the kind of the problem, if there is one."""
        problem: str | None = None
        try:
            # Twice: first the requests that could not be distributed before, then the others.
            for _ in range(2):
                if self._take():
                    self._distribute()
        except Exception as error:
            problem = _kind_of(error)
        problem = self._write_queues() or problem
        self._tidy()
        return problem

    def _take(self) -> bool:
        """Take the collected requests, unless there are some; tell whether there are now."""
        with self._lock:
            if self._taken is None and self._pending.batches:
                waiting = (queue.waiting for queue in self._queues.values())
                self._taken, self._pending = self._pending, Collected(waiting)
            return self._taken is not None

    def _distribute(self) -> None:
        """Move the taken requests to the queues of their groups, with the labels of all."""
        taken = self._taken
        assert taken is not None  # noqa: S101  # _take() returned True
        if self._day_in_redis != self._day:
            self._agree_on_salt()
            self._registered.clear()
            self._tenants.forget()
            self._origins.forget()
            self._day_in_redis = self._day
        tenants, origins = taken.labels()
        other_tenants = self._tenants.replacements(tenants)
        other_origins = self._origins.replacements(origins)
        for (scheme, environment, tenant), batch in taken.batches.items():
            group = (scheme, environment, other_tenants.get(tenant, tenant))
            self._queue_of(group).waiting.add(batch, other_origins)
            self._register(group, batch.days)
        self._taken = None

    def _agree_on_salt(self) -> None:
        """Take the salt of all processes; offer that of this process, in case Redis lost it."""
        salt = salt_in(self._store, self._salt)
        if self._salt and salt != self._salt:
            self._queue_of(ALL).waiting.marked.add(Mark("lost", self._day))
            self._losses += 1
            self._forget_reported()
        self._salt = salt

    def _register(self, group: Group, days: Iterable[int]) -> None:
        """Let the readers know of the group."""
        for day in days:
            if (day, group) not in self._registered:
                self._registered.add((day, group))
                groups = self._queue_of(ALL).waiting.groups
                groups.setdefault(day, set()).add(json.dumps(group))

    def _queue_of(self, group: Group) -> GroupQueue:
        queue = self._queues.get(group)
        if queue is None:
            queue = self._queues[group] = GroupQueue(self._store, group)
        return queue

    def _write_queues(self) -> str | None:
        """Write each queue; return the kind of the last problem, if there was one."""
        problem: str | None = None
        failures = 0
        # The register comes last, as the losses of other groups may change it.
        for group in [*(group for group in self._queues if group != ALL), ALL]:
            queue = self._queues.get(group)
            if queue is None or not queue.is_due or (failures >= _MOST_FAILURES and group != ALL):
                continue
            # One wait for replicas that do not answer is enough.
            kind = self._write_queue(queue, durably=problem != NOT_ACKNOWLEDGED)
            if kind is not None:
                problem, failures = kind, failures + (kind != NOT_ACKNOWLEDGED)
                # Next time it comes after the groups that have no problem.
                self._queues[group] = self._queues.pop(group)
        return problem

    def _write_queue(self, queue: GroupQueue, *, durably: bool) -> str | None:
        """Write a queue; return the kind of the problem, if there is one."""
        try:
            queue.write(self._salt, self._max_principals, self._day, durably=durably)
            if queue.moved_back:
                self._recover(queue)
                queue.write(self._salt, self._max_principals, self._day, durably=durably)
        except Exception as error:
            return _kind_of(error)
        return None if queue.is_durable else NOT_ACKNOWLEDGED

    def _recover(self, queue: GroupQueue) -> None:
        """Bring back what all groups share, after a server had lost writes to one of them."""
        self._agree_on_salt()
        self._tenants.forget()
        self._origins.forget()
        self._registered.clear()
        for group in list(self._queues):
            if group != ALL:
                self._register(group, [self._day])
        queue.moved_back = False
        if queue.lost is not None:
            self._losses += 1
            self.lost, queue.lost = self.lost + queue.lost, None
            self._forget_reported()

    def _forget_reported(self) -> None:
        with self._lock:
            for reported in self._reported.values():
                reported.clear()

    def _tidy(self) -> None:
        """Drop queues that rest, and batches that the server has if there are too many."""
        for group in [group for group, queue in self._queues.items() if queue.has_expired]:
            del self._queues[group]
        size = sum(queue.size for queue in self._queues.values())
        while size > _MOST_KEPT:
            queue = min(self._queues.values(), key=lambda each: each.oldest)
            if queue.oldest == inf:
                break  # the server has none of the rest
            size -= queue.drop()


def _kind_of(error: Exception) -> str:
    return str(getattr(error, "kind", type(error).__name__))
