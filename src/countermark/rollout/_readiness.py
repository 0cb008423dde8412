"""Decides from a meter's snapshot whether requests are ready to be enforced."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from countermark.rollout._snapshot import DAY, Group, GroupStats, Snapshot
from countermark.verifying._results import UNKNOWN_SCHEME

if TYPE_CHECKING:
    pass


#: How many requests of a hundred must be verified.
LEAST_VERIFIED = 99.9


class Readiness(NamedTuple):
    """Whether a group is ready to be enforced.

    Attributes:
        ready: Whether it is.
        reasons: All that speaks against it, in English; none if it is ready.
    """

    ready: bool
    reasons: tuple[str, ...]


def readiness(
    snapshot: Snapshot, figures: GroupStats, *, least: float | str = LEAST_VERIFIED
) -> Readiness:
    """Tell whether what *figures* are about is ready to be enforced.

    It is if

    * there were requests in the days of the snapshot,
    * the first one that is kept came that many days ago or earlier,
    * *least* of a hundred were verified, or more; claims are left out,
    * no known principal had unverified requests only, and there were not more
      known principals than the meter distinguishes,
    * Redis has lost none of it.

    Requests without an id count in the third alone. Claims count in none: a client can
    make them up (see :class:`countermark.rollout.Principals`), so they must not decide.

    Args:
        snapshot: What the figures are part of.
        figures: The figures of a scheme, environment and tenant.
        least: How many requests of a hundred must be verified, exactly: as a
            number or in decimal digits.
    """
    reasons = tuple(_reasons(snapshot, figures, Fraction(str(least))))
    return Readiness(not reasons, reasons)


def is_ready(snapshot: Snapshot, *, least: float | str = LEAST_VERIFIED) -> bool:
    """Tell whether all of *snapshot* is ready to be enforced, and there is anything.

    What :func:`left_out` returns does not count.
    """
    left = left_out(snapshot)
    return bool(snapshot.groups) and all(
        readiness(snapshot, figures, least=least).ready
        for figures in snapshot.groups
        if figures.group not in left
    )


def left_out(snapshot: Snapshot) -> dict[Group, str]:
    """Return what does not count for whether all is ready, and why, in English.

    It is what had no request in the days of the snapshot, and the tenants that nobody
    has keys for, whom anybody can make up. If there is nothing else, both count.
    """
    reasons: dict[Group, str] = {}
    for figures in snapshot.groups:
        if figures.scheme == UNKNOWN_SCHEME:
            reasons[figures.group] = "nobody has keys for these tenants"
        elif not figures.requests:
            reasons[figures.group] = f"there was no request in the last {snapshot.days} days"
    return reasons if {figures.group for figures in snapshot.groups} - set(reasons) else {}


def _reasons(snapshot: Snapshot, figures: GroupStats, least: Fraction) -> Iterator[str]:
    days, requests, principals = snapshot.days, figures.requests, figures.principals
    if not requests:
        yield f"there was no request in the last {days} days"
    age = snapshot.taken_at - figures.first_seen
    if age < days * DAY:
        yield f"the first request came {int(age / DAY * 10) / 10} days ago; {days} are needed"
    counted = requests - figures.claims
    if requests and (not counted or figures.verified * 100 < least * counted):
        share = percent(figures.verified, counted)
        apart = ", without claims," if figures.claims else ""
        yield f"{share} % of the requests{apart} were verified; {float(least):g} % are needed"
    if principals.stranded:
        are = "principal" if principals.stranded == 1 else "principals"
        yield f"{_least(principals.stranded, principals.exact)} {are} had unverified requests only"
    if not figures.complete:
        yield (
            "Redis has lost or evicted some of the counts, so there may have been others; set its"
            " maxmemory-policy to noeviction, or give the meters a Redis of their own"
        )
    elif not principals.exact:
        yield (
            "there were more principals than are told apart, so others may have had unverified"
            " requests only; raise max_principals= or max_tenants= of the meter"
        )


def percent(part: int, whole: int) -> str:
    """Return the percentage, rounded down, so that 100.00 is all."""
    hundredths = part * 10_000 // (whole or 1)
    return f"{hundredths // 100}.{hundredths % 100:02}"


def _least(number: int, exact: bool) -> str:
    return f"{number:,}" if exact else f"at least {number:,}"
