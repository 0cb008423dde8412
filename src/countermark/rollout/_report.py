"""The report of a rollout, as text and as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from countermark.errors import StoreUnavailable
from countermark.rollout._readiness import (
    LEAST_VERIFIED,
    at_least,
    is_ready,
    left_out,
    percent,
    readiness,
)
from countermark.rollout._rotation import previous_key
from countermark.rollout._snapshot import OTHER, Group, GroupStats, Snapshot, text_of, time_of
from countermark.verifying._allowance import allowance_group

if TYPE_CHECKING:
    from countermark.verifying._allowance import Allowance


#: The version of the format of :func:`as_dict`. It changes if programs that read it must change.
REPORT_VERSION = 1

_ADMITTED_BY = ("token", "monitor", "allowance", "fail_open")


def allowance_left(allowance: Allowance, groups: Iterable[GroupStats]) -> dict[Group, int]:
    """Return how many more unsigned sessions *allowance* allows, by group.

    Tenants that share the name "other" are left out: each has its own allowance.

    Raises:
        StoreUnavailable: The store of the allowance does not answer.
    """
    left = {}
    for scheme, environment, label in (stats.group for stats in groups):
        if label != OTHER:
            tenant = None if label is None else text_of(label)
            group = allowance_group(scheme, environment, tenant)
            left[scheme, environment, label] = allowance.left(group)
    return left


def allowance_left_now(
    allowance: Allowance | None, groups: Iterable[GroupStats]
) -> dict[Group, int]:
    """Return the same for a gauge: an empty dict without an allowance or an answer."""
    try:
        return {} if allowance is None else allowance_left(allowance, groups)
    except StoreUnavailable:
        return {}


def as_dict(
    snapshot: Snapshot,
    *,
    least: float | str = LEAST_VERIFIED,
    allowance_left: Mapping[Group, int] | None = None,
) -> dict[str, Any]:
    """Return the report as data for JSON. Times are seconds since the epoch.

    Args:
        snapshot: The snapshot of a meter.
        least: As for :func:`readiness`.
        allowance_left: How many more unsigned sessions are allowed, by group, if known.
    """
    groups, left = [], left_out(snapshot)
    for stats in snapshot.groups:
        ready, reasons = readiness(snapshot, stats, least=least)
        admitted = stats.by("admitted_by")
        groups.append(
            {
                "scheme": stats.scheme,
                "environment": stats.environment,
                "tenant": stats.tenant,
                "ready": ready,
                "counts_for_all": stats.group not in left,
                "reasons": list(reasons),
                "complete": stats.complete,
                "requests": stats.requests,
                "verified": stats.verified,
                "claims": stats.claims,
                "would_be_refused": stats.would_be_refused,
                "refused": stats.refused,
                "admitted": {by: admitted[by] for by in _ADMITTED_BY if by in admitted},
                "principals": stats.principals._asdict(),
                "days_seen": stats.days_seen,
                "first_seen": stats.first_seen,
                "last_seen": stats.last_seen,
                "allowance_left": (allowance_left or {}).get(stats.group),
                "counts": [count._asdict() for count in stats.counts],
                "by_day": [day._asdict() for day in stats.by_day],
                "key_use": stats.key_use._asdict(),
                "previous_key": previous_key(snapshot, stats)._asdict(),
            }
        )
    return {
        "version": REPORT_VERSION,
        "ready": is_ready(snapshot, least=least),
        "taken_at": snapshot.taken_at,
        "days": snapshot.days,
        "least": float(least),
        "groups": groups,
    }


def as_text(
    snapshot: Snapshot,
    *,
    least: float | str = LEAST_VERIFIED,
    allowance_left: Mapping[Group, int] | None = None,
) -> str:
    """Return the report as plain text. The arguments are those of :func:`as_dict`."""
    if not snapshot.groups:
        return "no requests were counted\n\nready to enforce: no"
    parts, days = [], f"the last {snapshot.days} days and today"
    for stats in snapshot.groups:
        ready, reasons = readiness(snapshot, stats, least=least)
        left = (allowance_left or {}).get(stats.group)
        answer = ["ready to enforce: " + ("yes" if ready else "no")]
        answer += [f"- {reason}" for reason in reasons]
        tables = [f"{group_name(*stats.group)}: {days}", *_tables(stats), _facts(stats, left)]
        tables += [f"previous key still used: {previous_key(snapshot, stats).answer()}"]
        parts += ["\n\n".join([*filter(None, tables), "\n".join(answer)])]
    if len(parts) > 1:
        not_counted = left_out(snapshot).items()
        all_ready = "yes" if is_ready(snapshot, least=least) else "no"
        lines = [f"all of these ready to enforce: {all_ready}"]
        lines += [f"- {group_name(*group)} does not count: {why}" for group, why in not_counted]
        parts.append("\n".join(lines))
    return "\n\n\n".join(parts)


def group_name(scheme: str, environment: str | None, tenant: str | None) -> str:
    """Return the name of a group for people."""
    names = [scheme]
    names += [] if environment is None else [f"environment {shown(environment)}"]
    names += [] if tenant is None else [f"tenant {shown(tenant)}"]
    return ", ".join(names)


#: The titles of the tables, with the name of a missing value.
_TITLES = {
    "verdict": ("verdict", ""),
    "key_role": ("key", "no key of the keyring"),
    "admitted_by": ("admitted by", "nothing: refused"),
}


def _tables(stats: GroupStats) -> Iterator[str]:
    total = stats.requests
    for field, (title, nothing) in _TITLES.items():
        sums = sorted(stats.by(field).items(), key=lambda pair: (-pair[1], pair[0] or ""))
        rows = [(value or nothing, f"{n:,}", f"{percent(n, total)} %") for value, n in sums]
        yield _table((title, "requests", "share"), rows)
    verified: dict[str | None, int] = {}
    for count in stats.counts:
        if count.verdict == "verified":
            verified[count.origin] = verified.get(count.origin, 0) + count.requests
    origins = sorted(stats.by("origin").items(), key=lambda pair: (-pair[1], pair[0] or ""))
    rows = [
        (shown(origin or "none"), f"{n:,}", f"{percent(verified.get(origin, 0), n)} %")
        for origin, n in origins
    ]
    yield _table(("origin", "requests", "verified"), rows)


def _facts(stats: GroupStats, left: int | None) -> str:
    principals, exact = stats.principals, stats.principals.exact
    refused = stats.would_be_refused
    share = f" ({percent(refused, stats.requests)} %)" if refused else ""
    facts = {
        "requests": f"{stats.requests:,}",
        "would be refused now": f"{refused:,}{share}",
        "were refused": f"{stats.refused:,}",
        "principals verified": f"{principals.verified:,}",
        "with unverified requests": at_least(principals.affected, exact),
        "with no others": at_least(principals.stranded, exact),
        "days with requests": f"{stats.days_seen}",
        "first seen": time_of(stats.first_seen),
        "last seen": time_of(stats.last_seen),
    }
    for role, when in stats.key_use._asdict().items():
        if when is not None:
            facts[f"{role} key last used"] = time_of(when)
    if stats.claims:
        counted = stats.requests - stats.claims
        facts |= {
            "claimed ids, unverified": at_least(principals.claimed, principals.claims_exact),
            "their requests": f"{stats.claims:,}",
            "verified, of all": f"{percent(stats.verified, stats.requests)} %",
            "verified, without theirs": f"{percent(stats.verified, counted)} %",
        }
    if left is not None:
        facts["allowance left"] = f"{left:,}"
    return "\n".join(f"{name:<26}{value}" for name, value in facts.items())


def _table(heading: tuple[str, str, str], rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    lines = [heading, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        f"{first:<{max(26, widths[0] + 2)}}{second:>{widths[1]}}  {third:>{widths[2]}}"
        for first, second, third in lines
    )


def shown(text: str) -> str:
    """Return *text* without the characters that terminals and browsers obey."""
    return "".join(character if character.isprintable() else "?" for character in text)
