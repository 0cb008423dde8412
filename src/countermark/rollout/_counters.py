"""What is counted in memory, within bounds. Nothing here is safe for threads by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from countermark.rollout._snapshot import KEPT_DAYS, OTHER, CountKey, Group, Principals, label_of

#: How many different rows there are on a day; further ones, with the origin "other".
MOST_ROWS = 5_000

# What an id, or a tenant's, is never longer than; so nobody fills the memory with them.
_LONGEST = 512


class LabelLimiter:
    """Which texts are told apart: the first so many."""

    __slots__ = ("known", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.known: frozenset[str] = frozenset()

    def of(self, text: str | None) -> str | None:
        """Return the label of *text*, or what stands for it if there are too many."""
        if not text:
            return None  # where labels are texts, nothing and no text are the same
        text = label_of(text)
        if text in self.known:
            return text
        if len(self.known) >= self.limit or len(text) > _LONGEST or not text.isprintable():
            return OTHER
        self.known |= {text}
        return text


class GroupDay:
    """The requests of one group on one day."""

    __slots__ = ("cells", "first", "last")

    def __init__(self, now: float) -> None:
        self.cells: dict[CountKey, int] = {}
        self.first = self.last = now


class DailyCounts:
    """Requests by day and group."""

    __slots__ = ("_rows", "days")

    def __init__(self) -> None:
        self.days: dict[int, dict[Group, GroupDay]] = {}
        self._rows: dict[int, int] = {}

    def add(self, day: int, now: float, group: Group, cell: CountKey) -> None:
        """Count a request."""
        groups = self.days.get(day)
        if groups is None:
            groups = self.days[day] = {}
            self._forget(day)
        bucket = groups.get(group)
        if bucket is None or cell not in bucket.cells:
            if self._rows[day] >= MOST_ROWS:
                cell = (cell[0] and OTHER, *cell[1:])
            else:
                self._rows[day] += 1
            bucket = groups.setdefault(group, GroupDay(now))
        bucket.cells[cell] = bucket.cells.get(cell, 0) + 1
        bucket.first, bucket.last = min(bucket.first, now), max(bucket.last, now)

    def _forget(self, today: int) -> None:
        self._rows[today] = 0
        for day in [day for day in self.days if day < today - KEPT_DAYS]:
            del self.days[day], self._rows[day]


#: What a request shows of its principal: ``verified``; ``unverified``, of one whom the
#: service knows; ``claimed``, of an id that nothing else confirms.
Standing: TypeAlias = Literal["verified", "unverified", "claimed"]
STANDINGS: Final[tuple[Standing, ...]] = ("verified", "unverified", "claimed")


class LastSeen:
    """The day on which each principal of a group was seen last, by standing.

    Principals are distinguished by eight bytes, and not named. Each standing has room of
    its own, so that made-up ids take none away from principals whom the service knows.
    """

    __slots__ = ("_limit", "_seen", "_size", "_skipped")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[Standing, dict[Group, dict[bytes, int]]] = {s: {} for s in STANDINGS}
        self._size: dict[Standing, int] = dict.fromkeys(STANDINGS, 0)
        self._skipped: dict[tuple[Group, bool], int] = {}

    def add(self, day: int, group: Group, pseudonym: bytes, standing: Standing) -> None:
        """Remember that the principal was seen on *day*, if there is room."""
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
        """Forget the principals who were not seen since the day *before*."""
        for standing, groups in self._seen.items():
            for group, seen in groups.items():
                groups[group] = {who: day for who, day in seen.items() if day >= before}
            self._size[standing] = sum(map(len, groups.values()))

    def since(self, first: int, group: Group) -> Principals:
        """Return the numbers of *group* since the day *first*."""
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
    """Return *text* if it is one that can be somebody's id, else None."""
    return text if isinstance(text, str) and 0 < len(text) <= _LONGEST else None


def person_of(scheme: str, environment: str | None, tenant: str | None, principal_id: str) -> bytes:
    """Return what a pseudonym is made of.

    With the tenant, as two may each have a user 1. In ASCII, whatever was sent.
    """
    return ascii((scheme, environment, tenant, principal_id)).encode()


def sums(days: Iterable[Mapping[CountKey, int]]) -> dict[CountKey, int]:
    """Return the counts of several days together."""
    total: dict[CountKey, int] = {}
    for cells in days:
        for cell, requests in cells.items():
            total[cell] = total.get(cell, 0) + requests
    return total
