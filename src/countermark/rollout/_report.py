"""Whether a scheme is ready to be enforced, stated in numbers, and the report of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any

from countermark.errors import StoreUnavailable
from countermark.rollout._readiness import (
    LEAST_VERIFIED,
    _least,
    is_ready,
    left_out,
    percent,
    readiness,
)
from countermark.rollout._snapshot import OTHER, Group, GroupStats, Snapshot, text_of
from countermark.verifying._allowance import allowance_group

if TYPE_CHECKING:
    from countermark.verifying._allowance import Allowance


#: Of the form of :func:`as_dict`. It changes when a program that reads it must.
REPORT_VERSION = 1

_WHAT_LETS_IN = ("token", "monitor", "allowance", "fail_open")


def allowance_left(allowance: Allowance, groups: Iterable[GroupStats]) -> dict[Group, int]:
    """Return how many more unsigned sessions *allowance* lets in, by group.

    The tenants that share the name "other" have one each, which is not known here.

    Raises:
        StoreUnavailable: The allowance's store does not answer.
    """
    left = {}
    for scheme, environment, label in (figures.group for figures in groups):
        if label != OTHER:
            tenant = None if label is None else text_of(label)
            group = allowance_group(scheme, environment, tenant)
            left[scheme, environment, label] = allowance.left(group)
    return left


def allowance_left_now(
    allowance: Allowance | None, groups: Iterable[GroupStats]
) -> dict[Group, int]:
    """Return the same for a gauge: nothing without an allowance or an answer."""
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
    """Return the report as what JSON can hold. Times are seconds since the epoch.

    Args:
        snapshot: What was counted.
        least: As for :func:`readiness`.
        allowance_left: How many more unsigned sessions get in, by group, where that is known.
    """
    groups, left = [], left_out(snapshot)
    for figures in snapshot.groups:
        ready, reasons = readiness(snapshot, figures, least=least)
        let_in = figures.by("let_in_by")
        groups.append(
            {
                "scheme": figures.scheme,
                "environment": figures.environment,
                "tenant": figures.tenant,
                "ready": ready,
                "counts_for_all": figures.group not in left,
                "reasons": list(reasons),
                "complete": figures.complete,
                "requests": figures.requests,
                "verified": figures.verified,
                "claims": figures.claims,
                "would_be_refused": figures.would_be_refused,
                "refused": figures.refused,
                "let_in": {by: let_in[by] for by in _WHAT_LETS_IN if by in let_in},
                "principals": figures.principals._asdict(),
                "days_seen": figures.days_seen,
                "first_seen": figures.first_seen,
                "last_seen": figures.last_seen,
                "allowance_left": (allowance_left or {}).get(figures.group),
                "counts": [count._asdict() for count in figures.counts],
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
        return "nothing was seen\n\nready to enforce: no"
    parts, days = [], f"the last {snapshot.days} days and today"
    for figures in snapshot.groups:
        ready, reasons = readiness(snapshot, figures, least=least)
        left = (allowance_left or {}).get(figures.group)
        answer = ["ready to enforce: " + ("yes" if ready else "no")]
        answer += [f"- {reason}" for reason in reasons]
        tables = [f"{group_name(*figures.group)}: {days}", *_tables(figures), _facts(figures, left)]
        parts += ["\n\n".join([*filter(None, tables), "\n".join(answer)])]
    if len(parts) > 1:
        not_counted = left_out(snapshot).items()
        all_ready = "yes" if is_ready(snapshot, least=least) else "no"
        lines = [f"all of these ready to enforce: {all_ready}"]
        lines += [f"- {group_name(*group)} does not count: {why}" for group, why in not_counted]
        parts.append("\n".join(lines))
    return "\n\n\n".join(parts)


def group_name(scheme: str, environment: str | None, tenant: str | None) -> str:
    names = [scheme]
    names += [] if environment is None else [f"environment {_shown(environment)}"]
    names += [] if tenant is None else [f"tenant {_shown(tenant)}"]
    return ", ".join(names)


def _tables(figures: GroupStats) -> Iterator[str]:
    total = figures.requests
    for title, field in (("verdict", "verdict"), ("key", "key_role"), ("let in by", "let_in_by")):
        sums = sorted(figures.by(field).items(), key=lambda pair: (-pair[1], pair[0] or ""))
        nothing = {"key_role": "no key of the ring", "let_in_by": "nothing: refused"}.get(field, "")
        rows = [(value or nothing, f"{n:,}", f"{percent(n, total)} %") for value, n in sums]
        yield _table((title, "requests", "share"), rows)
    verified: dict[str | None, int] = {}
    for count in figures.counts:
        if count.verdict == "verified":
            verified[count.origin] = verified.get(count.origin, 0) + count.requests
    origins = sorted(figures.by("origin").items(), key=lambda pair: (-pair[1], pair[0] or ""))
    rows = [
        (_shown(origin or "none"), f"{n:,}", f"{percent(verified.get(origin, 0), n)} %")
        for origin, n in origins
    ]
    yield _table(("origin", "requests", "verified"), rows)


def _facts(figures: GroupStats, left: int | None) -> str:
    principals, exact = figures.principals, figures.principals.exact
    refused = figures.would_be_refused
    share = f" ({percent(refused, figures.requests)} %)" if refused else ""
    facts = {
        "requests": f"{figures.requests:,}",
        "would be refused now": f"{refused:,}{share}",
        "were refused": f"{figures.refused:,}",
        "principals verified": f"{principals.verified:,}",
        "with unverified requests": _least(principals.affected, exact),
        "with no others": _least(principals.stranded, exact),
        "days with requests": f"{figures.days_seen}",
        "first seen": _time(figures.first_seen),
        "last seen": _time(figures.last_seen),
    }
    if figures.claims:
        counted = figures.requests - figures.claims
        facts |= {
            "claimed ids, not proved": _least(principals.claimed, principals.claims_exact),
            "their requests": f"{figures.claims:,}",
            "verified, of all": f"{percent(figures.verified, figures.requests)} %",
            "verified, without theirs": f"{percent(figures.verified, counted)} %",
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


def _time(seconds: float) -> str:
    return strftime("%Y-%m-%d %H:%M UTC", gmtime(seconds))


def _shown(text: str) -> str:
    # A terminal obeys some characters.
    return "".join(character if character.isprintable() else "?" for character in text)
