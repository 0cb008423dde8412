"""The snapshot of a meter: the statistics of each group, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import gmtime, strftime
from typing import Any, NamedTuple, TypeAlias

from countermark.errors import ConfigurationError

#: Seconds. Days are those of UTC.
DAY = 86_400

#: The most days of a snapshot, not counting today.
MOST_DAYS = 30

#: The number of days that are kept. Some are in reserve: the rule about the first request needs
#: an earlier day with requests, and some days have none.
KEPT_DAYS = MOST_DAYS + 7

#: The name of all tenants or origins above the limit. A tenant with this id is not merged with
#: them: see :func:`label_of`.
OTHER = "other"

#: A scheme, its environment, a tenant.
Group: TypeAlias = tuple[str, str | None, str | None]

#: The origin, the role of the key, the code of the verdict, the reason why the request was
#: allowed, and whether the request has a claimed id that nothing else confirms.
CountKey: TypeAlias = tuple[str | None, str | None, str, str | None, bool]


class RequestCount(NamedTuple):
    """The number of requests with these attributes.

    Attributes:
        origin: The page's origin, if it is an allowed one.
        key_role: The role of the key that matched.
        verdict: ``verified`` or a key of :data:`countermark.errors.REFUSALS`.
        admitted_by: ``token``, ``monitor``, ``allowance``, ``fail_open``; None: refused.
    """

    scheme: str
    environment: str | None
    tenant: str | None
    origin: str | None
    key_role: str | None
    verdict: str
    admitted_by: str | None
    requests: int
    claim: bool = False

    def labels(self) -> dict[str, str | None]:
        """Return the labels for exporters: all but the number. ``claim`` is ``true`` or None."""
        labels: dict[str, Any] = self._asdict()
        del labels["requests"]
        labels["claim"] = "true" if self.claim else None
        return labels


class Principals(NamedTuple):
    """The numbers of distinct principals.

    A principal is known if a token verified them (now or on an earlier day that is kept, even
    if the token has expired since), if a function given as ``claimed_id=`` returned them, or
    if they are in the ``known=`` of the meter or the report. Every other id is a claim:
    clients can make up any number of claims.

    Attributes:
        verified: Principals with a verified request.
        affected: Known principals with a request that was not verified.
        stranded: Known principals with such requests only.
        exact: False if there were more known principals than are distinguished, or some
            were lost, so *affected* and *stranded* are lower bounds.
        claimed: Claimed ids without a verified request.
        claims_exact: The same as *exact*, for *claimed*.
    """

    verified: int = 0
    affected: int = 0
    stranded: int = 0
    exact: bool = True
    claimed: int = 0
    claims_exact: bool = True


class DayCount(NamedTuple):
    """The requests of a group on one day in UTC.

    Attributes:
        start: The beginning of the day, in seconds since the epoch.
        verified: The number of verified requests, with a key of any role.
        claims: The number of requests with a token of a claimed id.
        current: The number of requests that the current key verified.
        previous: The same for previous keys.
        next: The same for next keys.
    """

    start: int
    requests: int
    verified: int = 0
    claims: int = 0
    current: int = 0
    previous: int = 0
    next: int = 0


class KeyUse(NamedTuple):
    """The times of the last requests that the keys of each role verified.

    They are seconds since the epoch; None: no such request is kept. They may be before the days
    of the snapshot. If Redis has lost the time, it is the end of the last such day.
    """

    current: float | None = None
    previous: float | None = None
    next: float | None = None


class GroupStats(NamedTuple):
    """The statistics of one scheme, environment and tenant.

    Attributes:
        counts: The requests in the days of the snapshot.
        principals: The numbers of principals.
        days_seen: The number of days with requests.
        first_seen: The time of the first request that is kept, in seconds since the epoch;
            it may be before the days of the snapshot.
        last_seen: The time of the last request.
        complete: False if Redis has lost some of the counts.
        by_day: The days with requests, in order.
        key_use: The last use of the keys of each role.
    """

    scheme: str
    environment: str | None
    tenant: str | None
    counts: tuple[RequestCount, ...]
    principals: Principals
    days_seen: int
    first_seen: float
    last_seen: float
    complete: bool = True
    by_day: tuple[DayCount, ...] = ()
    key_use: KeyUse = KeyUse()

    @property
    def group(self) -> Group:
        """The scheme, the environment and the tenant."""
        return self[:3]

    @property
    def requests(self) -> int:
        """The number of requests."""
        return sum(count.requests for count in self.counts)

    @property
    def verified(self) -> int:
        """The number of verified requests."""
        return self.by("verdict").get("verified", 0)

    @property
    def claims(self) -> int:
        """The number of requests with a token of a claimed id; see :class:`Principals`."""
        return sum(count.requests for count in self.counts if count.claim)

    @property
    def would_be_refused(self) -> int:
        """The number of requests that enforcement would refuse: all that are not verified."""
        return self.requests - self.verified

    @property
    def refused(self) -> int:
        """The number of refused requests."""
        return self.by("admitted_by").get(None, 0)

    def by(self, field: str) -> dict[str | None, int]:
        """Return the numbers of requests by a field of :class:`RequestCount`."""
        sums: dict[str | None, int] = {}
        for count in self.counts:
            value = getattr(count, field)
            sums[value] = sums.get(value, 0) + count.requests
        return sums


class Snapshot(NamedTuple):
    """The counts of a meter.

    Attributes:
        taken_at: The time of the snapshot, in seconds since the epoch.
        days: The number of whole days in UTC that it covers, in addition to today.
        groups: The statistics of the groups, ordered.
    """

    taken_at: float
    days: int
    groups: tuple[GroupStats, ...]


def counted(group: Group, counts: Iterable[tuple[CountKey, int]]) -> tuple[RequestCount, ...]:
    """Return the counts as ordered rows."""
    rows = [row_of(group, key, requests) for key, requests in counts]
    return tuple(sorted(rows, key=lambda row: [*(field or "" for field in row[:-2]), row.claim]))


def row_of(group: Group, key: CountKey, requests: int) -> RequestCount:
    """Return one count as a row."""
    origin, role, code, admitted_by, claim = key
    return RequestCount(*group, origin, role, code, admitted_by, requests, claim)


def by_day(counts_of_days: Mapping[int, Mapping[CountKey, int]]) -> tuple[DayCount, ...]:
    """Return the counts of each day, which is given by its number."""
    return tuple(_day_count(day, counts_of_days[day]) for day in sorted(counts_of_days))


def key_use(used: Iterable[tuple[str, float]]) -> KeyUse:
    """Return the last of the times of each role."""
    last: dict[str, float] = {}
    for role, when in used:
        if role in KeyUse._fields:
            last[role] = max(last.get(role, when), when)
    return KeyUse(**last)


def _day_count(day: int, counts: Mapping[CountKey, int]) -> DayCount:
    roles = {"current": 0, "previous": 0, "next": 0}
    verified = claims = 0
    for (_, role, code, _, claim), requests in counts.items():
        claims += requests if claim else 0
        if code == "verified":
            verified += requests
            if role in roles:
                roles[role] += requests
    return DayCount(day * DAY, sum(counts.values()), verified, claims, **roles)


def order(group: Group) -> list[str]:
    """Return the key by which groups are sorted: None comes first."""
    return [field or "" for field in group]


def label_of(text: str) -> str:
    """Return the name of a tenant or an origin in statistics: its text, but never ``other``.

    The text ``other`` becomes ``'other'``, that becomes ``''other''``, and so on.
    """
    return f"'{text}'" if text.strip("'") == OTHER else text


def text_of(label: str) -> str:
    """Return the text of the name *label*."""
    return label[1:-1] if label != OTHER and label.strip("'") == OTHER else label


def checked_days(days: int) -> int:
    """Return *days*.

    Raises:
        ConfigurationError: The number is out of range.
    """
    given: object = days
    if type(given) is not int or not 1 <= given <= MOST_DAYS:
        raise ConfigurationError(f"days= must be a whole number from 1 to {MOST_DAYS}")
    return days


def time_of(seconds: float) -> str:
    """Return a time in UTC, to the minute."""
    return strftime("%Y-%m-%d %H:%M UTC", gmtime(seconds))


def day_of(now: float) -> int:
    """Return the number of the day in UTC, 0 for 1970-01-01."""
    return int(now // DAY)
