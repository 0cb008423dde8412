"""Decides from a meter's snapshot whether requests are ready to be enforced."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from countermark.rollout._snapshot import DAY, Group, GroupStats, Snapshot
from countermark.verifying._results import UNKNOWN_SCHEME

#: The percentage of requests that must be verified.
LEAST_VERIFIED = 99.9


class Readiness(NamedTuple):
    """The readiness of a group for enforcement.

    Attributes:
        ready: Whether the group is ready.
        reasons: The reasons against it, in English; empty if it is ready.
    """

    ready: bool
    reasons: tuple[str, ...]


def readiness(
    snapshot: Snapshot, stats: GroupStats, *, least: float | str = LEAST_VERIFIED
) -> Readiness:
    """Tell whether a group is ready to be enforced.

    It is ready if

    * there were requests in the days of the snapshot,
    * the first request that is kept came that many days ago or earlier,
    * at least *least* percent of the requests were verified, not counting claims,
    * no known principal had only unverified requests, and there were not more known
      principals than the meter distinguishes,
    * Redis has lost no counts.

    Requests without an id count only in the third rule. Claims count in no rule: a client can
    make them up (see :class:`countermark.rollout.Principals`), so they must not decide.

    Args:
        snapshot: The snapshot of a meter.
        stats: A group of the snapshot.
        least: The percentage of requests that must be verified, as a number or in decimal
            digits; it is compared exactly.
    """
    reasons = tuple(_reasons(snapshot, stats, Fraction(str(least))))
    return Readiness(not reasons, reasons)


def is_ready(snapshot: Snapshot, *, least: float | str = LEAST_VERIFIED) -> bool:
    """Tell whether all groups of *snapshot* are ready to be enforced, and there is one.

    The groups of :func:`left_out` do not count.
    """
    left = left_out(snapshot)
    return bool(snapshot.groups) and all(
        readiness(snapshot, stats, least=least).ready
        for stats in snapshot.groups
        if stats.group not in left
    )


def left_out(snapshot: Snapshot) -> dict[Group, str]:
    """Return the groups that do not count for :func:`is_ready`, with the reasons in English.

    They are the groups without a request in the days of the snapshot, and the unknown
    tenants, which clients can make up. If there are no other groups, all count.
    """
    reasons: dict[Group, str] = {}
    for stats in snapshot.groups:
        if stats.scheme == UNKNOWN_SCHEME:
            reasons[stats.group] = "these tenants are unknown"
        elif not stats.requests:
            reasons[stats.group] = f"there was no request in the last {snapshot.days} days"
    return reasons if {stats.group for stats in snapshot.groups} - set(reasons) else {}


def _reasons(snapshot: Snapshot, stats: GroupStats, least: Fraction) -> Iterator[str]:
    days, requests, principals = snapshot.days, stats.requests, stats.principals
    if not requests:
        yield f"there was no request in the last {days} days"
    age = snapshot.taken_at - stats.first_seen
    if age < days * DAY:
        yield f"the first request came {int(age / DAY * 10) / 10} days ago; {days} are needed"
    counted = requests - stats.claims
    if requests and (not counted or stats.verified * 100 < least * counted):
        share = percent(stats.verified, counted)
        apart = ", without claims," if stats.claims else ""
        yield f"{share} % of the requests{apart} were verified; {float(least):g} % are needed"
    if principals.stranded:
        are = "principal" if principals.stranded == 1 else "principals"
        number = at_least(principals.stranded, principals.exact)
        yield f"{number} {are} had unverified requests only"
    if not stats.complete:
        yield (
            "Redis has lost or evicted some of the counts, so there may have been others; set its"
            " maxmemory-policy to noeviction, or give the meters a Redis of their own"
        )
    elif not principals.exact:
        yield (
            "there were more principals than the meter distinguishes, so others may have had"
            " unverified requests only; raise max_principals= or max_tenants= of the meter"
        )


def percent(part: int, whole: int) -> str:
    """Return the percentage, rounded down, so that only all is 100.00."""
    hundredths = part * 10_000 // (whole or 1)
    return f"{hundredths // 100}.{hundredths % 100:02}"


def at_least(number: int, exact: bool) -> str:
    """Return a number that is a lower bound unless it is *exact*."""
    return f"{number:,}" if exact else f"at least {number:,}"
