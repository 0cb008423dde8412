"""Writes the counts of a process to Redis, in the background."""

from __future__ import annotations

import atexit
import json
import os
import time
from functools import partial
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from countermark.events import Event, emit
from countermark.rollout._counters import STANDINGS, LabelLimiter, Standing
from countermark.rollout._redis_batch import Batch, Replacements
from countermark.rollout._redis_keys import DAY_EXPIRES, MeterKeys, salt_in
from countermark.rollout._snapshot import OTHER, CountKey, Group

if TYPE_CHECKING:
    from countermark.redis import RedisStore

# The most principals of each standing that are remembered as reported today.
_MOST_REPORTED = 50_000

# A batch is written as a whole or not at all, and only once: if the answer of Redis is lost,
# the same batch is sent again with the same number. The marks record the counts that must be in
# Redis. A user of Redis without the permission for INFO detects losses by the marks alone.
_WRITE = """
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return end
redis.call('SET', KEYS[1], ARGV[1], 'EX', 86400)
local run = {}
function run.COUNT(key, field, fallback, requests, most)
  if redis.call('HLEN', key) >= tonumber(most) and redis.call('HEXISTS', key, field) == 0 then
    field = fallback
  end
  redis.call('HINCRBY', key, field, requests)
end
function run.EVICTED(key, seconds, marks, lost)
  local stats = redis.pcall('INFO', 'stats')
  local evicted = type(stats) == 'string' and stats:match('evicted_keys:(%d+)') or '0'
  if evicted == (redis.call('GET', key) or '0') then return end
  redis.call('SET', key, evicted, 'EX', seconds)
  if evicted ~= '0' then redis.call('HSET', marks, lost, '1') end
end
-- A claimed id that was verified before, maybe by another process, does not need room.
local function was_verified(verified, who)
  for _, key in ipairs(verified) do
    if redis.call('HEXISTS', key, who) == 1 then return true end
  end
  return false
end
function run.SEEN(key, marks, mark, skipped, lost, verified, most, day, ...)
  local known = redis.call('HLEN', key)
  if known ~= tonumber(redis.call('HGET', marks, mark) or '0') then
    redis.call('HSET', marks, lost, '1')
  end
  local room = tonumber(most) - known
  for _, who in ipairs({...}) do
    local before = redis.call('HGET', key, who)
    if not before then room = room - 1 end
    if not before and room < 0 and not was_verified(verified, who) then
      redis.call('HSET', marks, skipped, '1')
    elseif not before or tonumber(before) < tonumber(day) then
      redis.call('HSET', key, who, day)
    end
  end
  redis.call('HSET', marks, mark, redis.call('HLEN', key))
end
for _, command in ipairs(cjson.decode(ARGV[2])) do
  local own = run[command[1]]
  if own then own(unpack(command, 2)) else redis.call(unpack(command)) end
end
"""

# Adds labels up to the limit. All processes share them.
_AGREE = """
for at = 3, #ARGV do
  if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SADD', KEYS[1], ARGV[at]) end
end
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return redis.call('SMEMBERS', KEYS[1])
"""


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
        self._keys = MeterKeys(store.prefix)
        self._labels = {self._keys.tenants: tenants, self._keys.origins: origins}
        self._max_principals = max_principals
        self._interval = interval
        self._worker = os.urandom(8).hex()
        self._number = 0
        self._salt: str | None = None
        self._failing = False
        self._lock = Lock()
        self._flushing = Lock()
        self._thread: Thread | None = None
        self._pending = Batch()
        self._batch: Batch | None = None
        # The principals that are already in Redis for today: most requests are theirs.
        self._reported: dict[Standing, set[bytes]] = {standing: set() for standing in STANDINGS}
        self._reported_day = 0

    def add(
        self,
        day: int,
        now: float,
        group: Group,
        key: CountKey,
        person: tuple[bytes, bytes, Standing] | None,
    ) -> None:
        """Collect a request, and start the thread that writes it, if there is none.

        Args:
            day: The day of the request.
            now: The time of the request, in seconds since the epoch.
            group: The group of the request.
            key: The other attributes of the request.
            person: The principal, if known: the result of ``person_of``, the pseudonym in
                this process, and the standing.
        """
        with self._lock:
            self._pending.counts.add(day, now, group, key)
            if person is not None:
                if day != self._reported_day:
                    self._reported_day = day
                    self._forget_reported()
                text, pseudonym, standing = person
                if pseudonym not in self._reported[standing]:
                    self._pending.add_principal((day, group, standing), text, pseudonym)
            if self._thread is None:
                _UNWRITTEN.add(self)
                thread = Thread(target=self._run, name="countermark-meter", daemon=True)
                thread.start()
                self._thread = thread

    def flush(self) -> bool:
        """Write all collected requests; return whether that succeeded."""
        with self._flushing:
            try:
                # Twice: first a batch that failed before, then the requests since.
                for _ in range(2):
                    if not self._take():
                        break
                    self._write()
            except Exception as error:
                self._report(error)
                return False
            self._failing = False
            return True

    def _run(self) -> None:
        while True:
            time.sleep(self._interval)
            self.flush()
            with self._lock:
                if self._batch is None and not self._pending.counts.days:
                    self._thread = None
                    _UNWRITTEN.discard(self)
                    return

    def _take(self) -> bool:
        """Make the collected requests the current batch; tell whether there is a batch."""
        with self._lock:
            if self._batch is None and self._pending.counts.days:
                self._batch, self._pending = self._pending, Batch()
                self._number += 1
            return self._batch is not None

    def _write(self) -> None:
        batch = self._batch
        assert batch is not None  # noqa: S101  # _take() returned True
        salt = salt_in(self._store)
        if salt != self._salt:
            # Redis was emptied: all principals must be reported again.
            self._salt = salt
            with self._lock:
                self._forget_reported()
        commands = batch.commands(self._keys, salt, self._max_principals, self._replacements(batch))
        arguments = [self._keys.written(self._worker), self._number, json.dumps(list(commands))]
        self._store.ask(lambda client: client.eval(_WRITE, 1, *arguments))
        with self._lock:
            self._batch = None
            for (day, _, standing), people in batch.principals.items():
                reported = self._reported[standing]
                if len(reported) + len(people) > _MOST_REPORTED:
                    reported.clear()
                if day == self._reported_day:
                    reported.update(people)

    def _replacements(self, batch: Batch) -> list[Replacements]:
        """Add the labels of *batch* to those of all processes; return the replacements."""
        replacements: list[Replacements] = []
        for (key, labels), used in zip(self._labels.items(), batch.labels(), strict=True):
            wanted = sorted(text for text in used if text not in {None, OTHER})
            known: list[str] = []
            if wanted:
                arguments = [labels.limit, DAY_EXPIRES, *wanted]
                known = self._store.ask(partial(_agree, key, arguments))
                labels.known = frozenset(known)
            replacements.append({text: OTHER for text in wanted if text not in known})
        return replacements

    def _forget_reported(self) -> None:
        for reported in self._reported.values():
            reported.clear()

    def _report(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            kind = getattr(error, "kind", type(error).__name__)
            emit(Event("failed", "meter_unavailable", error=kind), None)


def _agree(key: str, arguments: list[Any], client: Any) -> list[str]:
    known: list[str] = client.eval(_AGREE, 1, key, *arguments)
    return known


# The writers with unwritten requests. The interpreter does not wait for their threads.
_UNWRITTEN: set[WriteBehind] = set()


def _flush_all() -> None:
    for writer in list(_UNWRITTEN):
        writer.flush()


atexit.register(_flush_all)
# The parent writes its own requests, not the child. Some systems have no fork.
getattr(os, "register_at_fork", lambda **hooks: None)(after_in_child=_UNWRITTEN.clear)
