"""Bounded counters in memory. They are not thread-safe: callers hold a lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from countermark.rollout._snapshot import KEPT_DAYS, OTHER, CountKey, Group, Principals, label_of

#: The most rows of a day. Requests of further rows are counted under the origin "other".
MOST_ROWS = 5_000

# The most characters of an id or a label. The limit keeps clients from filling the memory.
_LONGEST = 512


class LabelLimiter:
    """Limits the number of distinct labels: the first *limit* texts are kept."""

    __slots__ = ("known", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.known: set[str] = set()

    def of(self, text: str | None) -> str | None:
        """Return the label of *text*, or ``other`` if there are too many labels."""
        if not text:
            return None  # exporters show None as an empty text
        text = label_of(text)
        if text in self.known:
            return text
        if len(self.known) >= self.limit or len(text) > _LONGEST or not text.isprintable():
            return OTHER
        self.known.add(text)
        return text


class GroupDay:
    """The requests of one group on one day.

    Attributes:
        counts: The number of requests by their attributes.
        first: The time of the first request, in seconds since the epoch.
        last: The time of the last request.
        used: The time of the last request that a key verified, by the role of the key.
    """

    __slots__ = ("counts", "first", "last", "used")

    def __init__(self, now: float) -> None:
        self.counts: dict[CountKey, int] = {}
        self.first = self.last = now
        self.used: dict[str, float] = {}

    def add(self, now: float, key: CountKey) -> None:
        """Count a request at the time *now*."""
        counts, role = self.counts, key[1]
        counts[key] = counts.get(key, 0) + 1
        if now > self.last:
            self.last = now
        elif now < self.first:
            self.first = now
        if role is not None and key[2] == "verified" and now > self.used.get(role, 0.0):
            self.used[role] = now

    def merge(self, other: GroupDay, origins: Mapping[str | None, str]) -> None:
        """Add the requests of *other*, with the labels of origins replaced."""
        for (origin, role, code, admitted_by, claim), requests in other.counts.items():
            key = (origins.get(origin, origin), role, code, admitted_by, claim)
            self.counts[key] = self.counts.get(key, 0) + requests
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        for role, when in other.used.items():
            self.used[role] = max(self.used.get(role, when), when)


class DailyCounts:
    """Requests by day and group."""

    __slots__ = ("_rows", "days")

    def __init__(self) -> None:
        self.days: dict[int, dict[Group, GroupDay]] = {}
        self._rows: dict[int, int] = {}

    def add(self, day: int, now: float, group: Group, key: CountKey) -> None:
        """Count a request."""
        groups = self.days.get(day)
        if groups is None:
            groups = self.days[day] = {}
            self._forget(day)
        group_day = groups.get(group)
        if group_day is None or key not in group_day.counts:
            if self._rows[day] >= MOST_ROWS:
                key = (key[0] and OTHER, *key[1:])
            else:
                self._rows[day] += 1
            group_day = groups.setdefault(group, GroupDay(now))
        group_day.add(now, key)

    def _forget(self, today: int) -> None:
        self._rows[today] = 0
        for day in [day for day in self.days if day < today - KEPT_DAYS]:
            del self.days[day], self._rows[day]


#: The standing of the principal of a request: ``verified``; ``unverified``: the principal is
#: known, the request is not verified; ``claimed``: nothing confirms the id.
Standing: TypeAlias = Literal["verified", "unverified", "claimed"]
STANDINGS: Final[tuple[Standing, ...]] = ("verified", "unverified", "claimed")


class LastSeen:
    """The last day on which each principal of a group was seen, by standing.

    Principals are stored as pseudonyms of eight bytes. Each standing has its own limit, so
    that made-up ids take no room from known principals.
    """

    __slots__ = ("_limit", "_seen", "_size", "_skipped")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[Standing, dict[Group, dict[bytes, int]]] = {s: {} for s in STANDINGS}
        self._size: dict[Standing, int] = dict.fromkeys(STANDINGS, 0)
        self._skipped: dict[tuple[Group, bool], int] = {}

    def add(self, day: int, group: Group, pseudonym: bytes, standing: Standing) -> None:
        """Record that the principal was seen on *day*, if there is room."""
        seen = self._seen[standing].setdefault(group, {})
        if pseudonym not in seen:
            if self._size[standing] >= self._limit:
                self._skipped[group, standing == "claimed"] = day
                return
            self._size[standing] += 1
        seen[pseudonym] = day

    def was_verified(self, group: Group, pseudonym: bytes) -> bool:
        """Tell whether the principal was verified on a day that is kept."""
        return pseudonym in self._seen["verified"].get(group, ())

    def forget(self, before: int) -> None:
        """Delete the principals who were last seen before the day *before*."""
        for standing, groups in self._seen.items():
            for group, seen in groups.items():
                groups[group] = {who: day for who, day in seen.items() if day >= before}
            self._size[standing] = sum(map(len, groups.values()))

    def since(self, first: int, group: Group) -> Principals:
        """Return the numbers of principals of *group* since the day *first*."""
        seen = {
            standing: _since(first, self._seen[standing].get(group, {})) for standing in STANDINGS
        }
        ever = self._seen["verified"].get(group, {}).keys()
        affected = seen["unverified"] | (seen["claimed"] & ever)
        exact, claims_exact = (
            self._skipped.get((group, claims), first - 1) < first for claims in (False, True)
        )
        return Principals(
            len(seen["verified"]),
            len(affected),
            len(affected - seen["verified"]),
            exact,
            len(seen["claimed"] - affected - seen["verified"]),
            claims_exact,
        )


def _since(first: int, seen: Mapping[bytes, int]) -> set[bytes]:
    return {who for who, day in seen.items() if day >= first}


def nameable(text: object) -> str | None:
    """Return *text* if it can be an id, otherwise None."""
    return text if isinstance(text, str) and 0 < len(text) <= _LONGEST else None


def person_of(scheme: str, environment: str | None, tenant: str | None, principal_id: str) -> bytes:
    """Return the bytes that a pseudonym is the hash of.

    The tenant is included, because two tenants may each have a user 1. The text is escaped to
    ASCII, because clients may send characters that cannot be encoded.
    """
    return ascii((scheme, environment, tenant, principal_id)).encode()


def sums(days: Iterable[Mapping[CountKey, int]]) -> dict[CountKey, int]:
    """Return the sums of the counts of several days."""
    total: dict[CountKey, int] = {}
    for counts in days:
        for key, requests in counts.items():
            total[key] = total.get(key, 0) + requests
    return total
