"""The meter's keys in Redis, and what stands for people there.

Under the prefix of the store, in keys that expire by themselves:

* ``meter:salt``: what pseudonyms are made with;
* ``meter:tenants``, ``meter:origins``: sets of what is told apart;
* ``meter:counts:DAY``: a hash of requests by scheme, environment, tenant, origin, role
  of the key, code and what let the request in;
* ``meter:first:DAY``, ``meter:last:DAY``: when each group was seen;
* ``meter:verified:DAY:GROUP``, and so for ``unverified`` and ``claimed``: HyperLogLogs of
  pseudonyms, by what requests show of their principal (see ``tally.Standing``);
* ``meter:last_verified:PERIOD:GROUP``, and so for the other two: hashes of the day on which
  each pseudonym was seen last;
* ``meter:marks:PERIOD``: a hash of how much there must be of each group, and of what is
  known to be missing: see :class:`Mark`;
* ``meter:evicted``: how many keys Redis had evicted when this was written to last;
* ``meter:written:WORKER``: the number of the last write of a process.
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

# A window of days lies in two periods at most, so one entry per principal is enough
# and nobody has to tidy up.
_PERIOD = MOST_DAYS + 2

#: When the keys of a day, and of a period, expire: in seconds.
DAY_EXPIRES, PERIOD_EXPIRES = 86_400 * (KEPT_DAYS + 2), 86_400 * (2 * _PERIOD + 2)

#: How many members a command takes at once.
CHUNK = 500

#: The group that is all of them.
ALL: Group = ("", None, None)


class Mark(NamedTuple):
    """What a mark says of a group, and when.

    ``requests``: so many on the day; ``verified``, ``unverified`` and ``claimed``: so many
    pseudonyms in the period; ``skipped``: on the day there were more principals than are
    distinguished; ``claims_skipped``: the same of claimed ids;
    ``lost``: on the day it was noticed that something is gone.
    """

    group: Group
    what: str
    when: int

    def field(self) -> str:
        """Return the field of the hash."""
        return json.dumps([*self.group, self.what, self.when])

    @classmethod
    def of(cls, field: str) -> Mark:
        """Return the mark that a field of the hash is about."""
        scheme, environment, tenant, what, when = json.loads(field)
        return cls((scheme, environment, tenant), what, when)


class MeterKeys:
    """What the meter's keys in Redis are called."""

    __slots__ = ("_prefix", "evicted", "origins", "salt", "tenants")

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}meter:"
        self.salt = f"{self._prefix}salt"
        self.tenants = f"{self._prefix}tenants"
        self.origins = f"{self._prefix}origins"
        self.evicted = f"{self._prefix}evicted"

    def of_day(self, what: str, day: int, group: Group | None = None) -> str:
        """Return the key of *what* on *day*, for one group or for all."""
        return f"{self._prefix}{what}:{day}" + ("" if group is None else f":{json.dumps(group)}")

    def of_period(self, what: str, day: int, group: Group | None = None) -> str:
        """Return the key of *what* in the period that *day* lies in."""
        return self.of_day(what, period_of(day), group)

    def last_verified(self, group: Group, day: int) -> list[str]:
        """Return the keys of the verified principals of this period and the one before."""
        days = (day, day - _PERIOD)
        return [self.of_period("last_verified", each, group) for each in days]

    def written(self, worker: str) -> str:
        """Return the key of the number of the last write of *worker*."""
        return f"{self._prefix}written:{worker}"


def period_of(day: int) -> int:
    """Return the number of the period that *day* lies in."""
    return day // _PERIOD


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


def in_chunks(members: Sequence[str]) -> Iterator[Sequence[str]]:
    """Return *members* in parts that a command of Redis takes."""
    return (members[at : at + CHUNK] for at in range(0, len(members), CHUNK))
