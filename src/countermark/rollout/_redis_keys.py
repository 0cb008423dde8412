"""The keys of meters in Redis, and the pseudonyms of principals.

The way of a count, with the module of each step::

    verdict  --->  Meter()                       _meter, _counters: memory of one process
                      |   every Meter(interval=) seconds, and at exit
                      v
                   Batch                         _redis_batch: one for each group
                      |   numbered              _redis_queue: kept until it is durable
                      v
                   Redis                         _redis_scripts: counts, principals, marks
                      |   countermark rollout
                      v
                   HeldCounts, SeenPrincipals    _redis_reader, _redis_contents: the counts are
                      |                          compared with the marks, to detect losses
                      v
                   Snapshot                      _snapshot  --->  is_ready(), the report

All keys of a group have the same hash tag, so they lie in one slot of a cluster, and one script
writes or reads them. The salt, the labels and the register of groups are those of the group
:data:`ALL`. All keys expire.

=============================  =======  ========================================================
Key                            Type     Contents
=============================  =======  ========================================================
salt                           text     the salt of pseudonyms (ALL only)
tenants, origins               sets     the labels within the limits (ALL only)
last_groups:PERIOD             hash     the last day of each group (ALL only)
counts:DAY                     hash     requests by ``CountKey``
times:PERIOD                   hash     the first and last request of each day, and the last one
                                        that a key of each role verified
STANDING:DAY                   HLL      principals
last_STANDING:PERIOD           hash     the last day of each principal
marks:PERIOD                   hash     the facts that the other keys must agree with
evicted                        text     the number of keys that the server had evicted
written:WORKER                 hash     the number of the last batch of a worker, and the number
                                        of its requests up to that batch
=============================  =======  ========================================================

DAY and PERIOD are numbers, STANDING is one of ``_counters.STANDINGS``. A ``CountKey`` and a
group are encoded in JSON. The fields of ``marks`` are described at :class:`Mark`. An HLL is a
HyperLogLog of pseudonyms; the fields of ``last_STANDING`` are pseudonyms too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from countermark.rollout._redis_scripts import SALT
from countermark.rollout._snapshot import KEPT_DAYS, MOST_DAYS, Group

if TYPE_CHECKING:
    from countermark.redis import RedisStore

# A window of days overlaps two periods at most, so one entry per principal is enough, and
# entries expire with their period.
_PERIOD = MOST_DAYS + 2

#: The expiration of the keys of a day, and of a period, in seconds.
DAY_EXPIRES, PERIOD_EXPIRES = 86_400 * (KEPT_DAYS + 2), 86_400 * (2 * _PERIOD + 2)

#: The expiration of the number of the last batch of a worker.
WRITTEN_EXPIRES = 3 * 86_400

#: The most members of one command.
CHUNK = 500

#: The group of the register of groups, and of marks about all groups.
ALL: Group = ("", None, None)


class Mark(NamedTuple):
    """A field of the marks of a group: a fact about a day or a period, to detect losses.

    The names of marks, with their values:

    * ``requests``: the number of requests on the day;
    * ``verified``, ``unverified``, ``claimed``: the number of pseudonyms in the period;
    * ``groups``: the number of groups in the period;
    * ``skipped``: 1 if there were more principals on the day than are distinguished;
    * ``claims_skipped``: the same for claimed ids;
    * ``lost``: 1 if a loss was detected on the day.
    """

    name: str
    when: int

    def field(self) -> str:
        """Return the mark as a field of the hash."""
        return f"{self.name}:{self.when}"

    @classmethod
    def of(cls, field: str) -> Mark:
        """Return the mark of a field of the hash."""
        name, when = field.split(":")
        return cls(name, int(when))


class GroupKeys:
    """The names of the keys of a group."""

    __slots__ = ("_prefix", "evicted")

    def __init__(self, store: RedisStore, group: Group) -> None:
        self._prefix = key_of(store, group, "")
        self.evicted = f"{self._prefix}evicted"

    def of_day(self, name: str, day: int) -> str:
        """Return the key *name* of *day*."""
        return f"{self._prefix}{name}:{day}"

    def of_period(self, name: str, day: int) -> str:
        """Return the key *name* of the period of *day*."""
        return self.of_day(name, period_of(day))

    def of_periods(self, name: str, days: Iterable[int]) -> list[str]:
        """Return the keys *name* of the periods of *days*, in order."""
        return [self.of_day(name, period) for period in sorted({period_of(day) for day in days})]

    def last_verified(self, day: int) -> list[str]:
        """Return the keys of verified principals, of the period of *day* and the one before."""
        return [self.of_period("last_verified", each) for each in (day, day - _PERIOD)]

    def written(self, worker: str) -> str:
        """Return the key of the number of the last batch of *worker*."""
        return f"{self._prefix}written:{worker}"


def key_of(store: RedisStore, group: Group, name: str) -> str:
    """Return the key *name* of *group*."""
    return store.key("meter" if group == ALL else json.dumps(group), f"meter:{name}")


def period_of(day: int) -> int:
    """Return the number of the period of *day*."""
    return day // _PERIOD


def salt_in(store: RedisStore, own: str = "") -> str:
    """Return the salt that all processes share.

    Args:
        store: The store of the meters.
        own: The salt that becomes that of all if there is none; by default a new one.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    new = own or os.urandom(32).hex()
    return str(store.run(SALT, [key_of(store, ALL, "salt")], [new, PERIOD_EXPIRES]))


def pseudonym_of(person: bytes, salt: str) -> str:
    """Return the pseudonym of a principal in Redis, sixteen hexadecimal digits."""
    return blake2b(person, digest_size=8, key=salt.encode()[:64]).hexdigest()


def in_chunks(members: Sequence[str]) -> Iterator[Sequence[str]]:
    """Return *members* in parts, each small enough for one command."""
    return (members[at : at + CHUNK] for at in range(0, len(members), CHUNK))
