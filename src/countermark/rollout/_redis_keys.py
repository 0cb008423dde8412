"""The keys of meters in Redis, and the pseudonyms of principals.

The way of a count, with the module of each step::

    verdict  --->  Meter()                       _meter, _counters: memory of one process
                      |   every Meter(interval=) seconds, and at exit
                      v
                   Batch                         _redis_batch: sent again, with its number,
                      |   one script             until Redis has answered
                      v
                   Redis                         _redis_writer: counts, principals, marks
                      |   countermark rollout
                      v
                   HeldCounts, SeenPrincipals    _redis_reader, _redis_contents: the counts are
                      |                          compared with the marks, to detect losses
                      v
                   Snapshot                      _snapshot  --->  is_ready(), the report

The keys follow the prefix of the store and ``meter:``. All of them expire.

=============================  =======  ======================  ================================
Key                            Type     Written by              Read by, for
=============================  =======  ======================  ================================
salt                           text     writer, reader          writer, reader: pseudonyms
tenants, origins               sets     writer: ``_AGREE``      writer: labels within the limit
counts:DAY                     hash     writer: COUNT           reader: requests
first:DAY, last:DAY            zsets    writer: ZADD            reader: times of each group
STANDING:DAY:GROUP             HLL      writer: PFADD           reader: number of principals
last_STANDING:PERIOD:GROUP     hash     writer: SEEN            writer, reader: last day of each
marks:PERIOD                   hash     writer: most commands   writer, reader: losses
evicted                        text     writer: EVICTED         writer, reader: losses
written:WORKER                 text     writer: ``_WRITE``      writer: number of its last batch
=============================  =======  ======================  ================================

The writer is ``_redis_writer``, with the commands of ``_redis_batch``; the reader is
``_redis_reader``. DAY and PERIOD are numbers, STANDING is one of ``_counters.STANDINGS``, and
GROUP is a group in JSON. The fields of ``counts`` are a group and a ``CountKey`` in JSON, those
of ``marks`` are described at :class:`Mark`. An HLL is a HyperLogLog of pseudonyms; the fields of
``last_STANDING`` are pseudonyms too. ``evicted`` is the number of keys that Redis had evicted at
the last write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark.rollout._snapshot import KEPT_DAYS, MOST_DAYS, Group

if TYPE_CHECKING:
    from countermark.redis import RedisStore

# A window of days overlaps two periods at most, so one entry per principal is enough, and
# entries expire with their period.
_PERIOD = MOST_DAYS + 2

#: The expiration of the keys of a day, and of a period, in seconds.
DAY_EXPIRES, PERIOD_EXPIRES = 86_400 * (KEPT_DAYS + 2), 86_400 * (2 * _PERIOD + 2)

#: The most members of one command.
CHUNK = 500

#: The group of marks about all groups.
ALL: Group = ("", None, None)


class Mark(NamedTuple):
    """A field of the marks: a fact about a group on a day or in a period, to detect losses.

    The names of marks, with their values:

    * ``requests``: the number of requests on the day;
    * ``verified``, ``unverified``, ``claimed``: the number of pseudonyms in the period;
    * ``skipped``: 1 if there were more principals on the day than are distinguished;
    * ``claims_skipped``: the same for claimed ids;
    * ``lost``: 1 if a loss was detected on the day.
    """

    group: Group
    name: str
    when: int

    def field(self) -> str:
        """Return the mark as a field of the hash."""
        return json.dumps([*self.group, self.name, self.when])

    @classmethod
    def of(cls, field: str) -> Mark:
        """Return the mark of a field of the hash."""
        scheme, environment, tenant, name, when = json.loads(field)
        return cls((scheme, environment, tenant), name, when)


class MeterKeys:
    """The names of the keys."""

    __slots__ = ("_prefix", "evicted", "origins", "salt", "tenants")

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}meter:"
        self.salt = f"{self._prefix}salt"
        self.tenants = f"{self._prefix}tenants"
        self.origins = f"{self._prefix}origins"
        self.evicted = f"{self._prefix}evicted"

    def of_day(self, name: str, day: int, group: Group | None = None) -> str:
        """Return the key *name* of *day*, for one group or for all."""
        return f"{self._prefix}{name}:{day}" + ("" if group is None else f":{json.dumps(group)}")

    def of_period(self, name: str, day: int, group: Group | None = None) -> str:
        """Return the key *name* of the period of *day*, for one group or for all."""
        return self.of_day(name, period_of(day), group)

    def last_verified(self, group: Group, day: int) -> list[str]:
        """Return the keys of verified principals, of the period of *day* and the one before."""
        days = (day, day - _PERIOD)
        return [self.of_period("last_verified", each, group) for each in days]

    def written(self, worker: str) -> str:
        """Return the key of the number of the last write of *worker*."""
        return f"{self._prefix}written:{worker}"


def period_of(day: int) -> int:
    """Return the number of the period of *day*."""
    return day // _PERIOD


def salt_in(store: RedisStore) -> str:
    """Return the salt that all processes share; make one if there is no salt yet.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    key = MeterKeys(store.prefix).salt

    def ask(client: Any) -> str:
        client.set(key, os.urandom(32).hex(), nx=True, ex=PERIOD_EXPIRES)
        return str(client.get(key))

    return store.ask(ask)


def pseudonym_of(person: bytes, salt: str) -> str:
    """Return the pseudonym of a principal in Redis, sixteen hexadecimal digits."""
    return blake2b(person, digest_size=8, key=salt.encode()[:64]).hexdigest()


def in_chunks(members: Sequence[str]) -> Iterator[Sequence[str]]:
    """Return *members* in parts, each small enough for one command."""
    return (members[at : at + CHUNK] for at in range(0, len(members), CHUNK))
