"""The snapshot of a meter: the statistics of each group, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from countermark.errors import ConfigurationError

#: Seconds. Days are those of UTC.
DAY = 86_400

#: How many days can be asked for, beside today.
MOST_DAYS = 30

#: How many are kept. Whether requests came as early as that is seen by those before, and
#: on some days there is none.
KEPT_DAYS = MOST_DAYS + 7

#: What stands for the tenants and origins beyond the limit. No tenant of that name is
#: merged with them: see :func:`label_of`.
OTHER = "other"

#: A scheme, its environment, a tenant.
Group: TypeAlias = tuple[str, str | None, str | None]

#: An origin, the role of the key, the code of the verdict, what let the request in, and
#: whether it is of an id that nothing but the request itself confirms.
CountKey: TypeAlias = tuple[str | None, str | None, str, str | None, bool]


class RequestCount(NamedTuple):
    """How many requests had all of this in common.

    Attributes:
        origin: The page's origin, where it is an allowed one.
        key_role: The role of the key that matched.
        verdict: ``verified`` or a key of :data:`countermark.errors.REFUSALS`.
        let_in_by: ``token``, ``monitor``, ``allowance``, ``fail_open``; None: refused.
    """

    scheme: str
    environment: str | None
    tenant: str | None
    origin: str | None
    key_role: str | None
    verdict: str
    let_in_by: str | None
    requests: int
    claim: bool = False

    def labels(self) -> dict[str, str | None]:
        """Return all but the number, as exporters label it; ``claim`` is ``true`` or None."""
        labels: dict[str, Any] = self._asdict()
        del labels["requests"]
        labels["claim"] = "true" if self.claim else None
        return labels


class Principals(NamedTuple):
    """The numbers of distinct principals.

    The service knows a principal if a key has proved them (now or on an earlier day that
    is kept, also by a token that has expired since), if a function given as ``principal=``
    names them, or if they are in the ``known=`` of the meter or the report. Every other
    id is a claim: a client can make up any number of them.

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


class GroupStats(NamedTuple):
    """The figures of one scheme, environment and tenant.

    Attributes:
        counts: The requests of the days asked for.
        principals: Who made them.
        days_seen: On how many of the days there were any.
        first_seen: When the first request came that is still kept, in seconds
            since the epoch, whatever the days asked for.
        last_seen: When the last one came.
        complete: False: Redis has lost some of this.
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

    @property
    def group(self) -> Group:
        """Return the scheme, the environment and the tenant."""
        return self[:3]

    @property
    def requests(self) -> int:
        """How many requests there were."""
        return sum(count.requests for count in self.counts)

    @property
    def verified(self) -> int:
        """How many of them were verified."""
        return self.by("verdict").get("verified", 0)

    @property
    def claims(self) -> int:
        """The number of requests with a token of a claimed id; see :class:`Principals`."""
        return sum(count.requests for count in self.counts if count.claim)

    @property
    def would_be_refused(self) -> int:
        """How many would be refused if all are enforced now: all that are not verified."""
        return self.requests - self.verified

    @property
    def refused(self) -> int:
        """How many were refused."""
        return self.by("let_in_by").get(None, 0)

    def by(self, field: str) -> dict[str | None, int]:
        """Return how many requests there were by a field of :class:`RequestCount`."""
        sums: dict[str | None, int] = {}
        for count in self.counts:
            value = getattr(count, field)
            sums[value] = sums.get(value, 0) + count.requests
        return sums


class Snapshot(NamedTuple):
    """What a meter has counted.

    Attributes:
        taken_at: When, in seconds since the epoch.
        days: How many whole days of UTC it covers, beside today so far.
        groups: The figures, ordered.
    """

    taken_at: float
    days: int
    groups: tuple[GroupStats, ...]


def counted(group: Group, cells: Iterable[tuple[CountKey, int]]) -> tuple[RequestCount, ...]:
    """Return *cells* as ordered rows."""
    rows = [row_of(group, cell, requests) for cell, requests in cells]
    return tuple(sorted(rows, key=lambda row: [*(field or "" for field in row[:-2]), row.claim]))


def row_of(group: Group, cell: CountKey, requests: int) -> RequestCount:
    """Return the row of a cell."""
    origin, role, code, let_in_by, claim = cell
    return RequestCount(*group, origin, role, code, let_in_by, requests, claim)


def order(group: Group) -> list[str]:
    """Return what groups are ordered by: None comes first."""
    return [field or "" for field in group]


def label_of(text: str) -> str:
    """Return what a tenant or an origin is called in figures: its id, and never ``other``.

    A tenant of that id is ``'other'``, one of this is ``''other''``, and so on.
    """
    return f"'{text}'" if text.strip("'") == OTHER else text


def text_of(label: str) -> str:
    """Return the id that is called *label*."""
    return label[1:-1] if label != OTHER and label.strip("'") == OTHER else label


def checked_days(days: int) -> int:
    """Return *days*.

    Raises:
        ConfigurationError: So many cannot be asked for.
    """
    given: object = days
    if type(given) is not int or not 1 <= given <= MOST_DAYS:
        raise ConfigurationError(f"days= must be a whole number from 1 to {MOST_DAYS}")
    return days


def day_of(now: float) -> int:
    """Return the number of the day of UTC, 0 for 1970-01-01."""
    return int(now // DAY)
