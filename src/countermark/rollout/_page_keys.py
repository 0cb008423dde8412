"""The part of the page about keys: how far a rotation has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from countermark.rollout._chart import Slot, area
from countermark.rollout._markup import Html, joined, tag
from countermark.rollout._page_tables import date_of, ordered, table
from countermark.rollout._readiness import percent
from countermark.rollout._rotation import PreviousKey
from countermark.rollout._snapshot import GroupStats

# The roles of keys that verify requests, in the order in which columns are stacked.
_ROLES = ("current", "previous", "next")
_MEANINGS = {
    "current": "the key that signs now",
    "previous": "replaced, still accepted",
    "next": "accepted, does not sign yet",
    "retired": "no longer accepted",
    None: "no key of the keyring matched",
}

# The columns, and the dates below them.
_COLUMN_HEIGHT, _HEIGHT = 64, 82


def keys(stats: GroupStats, slots: list[Slot], previous: PreviousKey) -> Html:
    """Return the requests by key, and for a rotation the keys of each day."""
    last = {role: date_of(day) for day in stats.by_day for role in _ROLES if getattr(day, role)}
    verified = dict.fromkeys(_ROLES, 0)
    for count in stats.counts:
        if count.verdict == "verified" and count.key_role in verified:
            verified[count.key_role] += count.requests
    rotates = sum(verified.values()) > verified["current"]
    rows = [
        (
            joined([*_swatch(role, rotates), role or "none"]),
            _MEANINGS.get(role, ""),
            [f"{n:,}", f"{percent(n, stats.requests)} %", last.get(role or "", "")],
        )
        for role, n in ordered(stats.by("key_role"))
    ]
    heading = ("key", "requests", "share", "last verified")
    progress = tag("p", _progress(verified, last))
    answer = tag("p", f"Previous key still used: {previous.answer()}.")
    columns = _columns(slots) if rotates else ()
    return joined([progress, answer, *columns, table("Keys", heading, rows, "keys")])


def _progress(verified: Mapping[str, int], last: Mapping[str, str]) -> str:
    total = sum(verified.values())
    if not total:
        return "No key has verified a request in these days."
    if total == verified["current"]:
        return "All verified requests used the current key."
    share = percent(verified["current"], total)
    parts = [f"{share} % of the verified requests used the current key."]
    if "next" in last:
        parts.append(f"A next key was last used on {last['next']}.")
    return " ".join(parts)


def _swatch(role: str | None, rotates: bool) -> Iterator[Html]:
    if rotates and role in _ROLES:
        yield tag("i", class_=role)


def _columns(slots: list[Slot]) -> Iterator[Html]:
    """Yield the chart: a column for each day, with a part for each role."""
    used = [slot for slot in slots if slot.day.verified]
    if not used:
        return
    parts = [rect for index, slot in enumerate(slots) for rect in _column(index, slot, len(slots))]
    edge = 10 / len(slots)  # of the first column, as a percentage
    first, last = (
        tag("text", slot.date, x=f"{x:.3f}%", y=_HEIGHT - 4, text_anchor=anchor)
        for slot, x, anchor in ((slots[0], edge, "start"), (slots[-1], 100 - edge, "end"))
    )
    summary = (
        f"Share of the current key by day: {used[0].current_key} on {used[0].date},"
        f" {used[-1].current_key} on {used[-1].date}. The table of the days has all of them."
    )
    yield tag(
        "svg", *parts, first, last, width="100%", height=_HEIGHT, role="img", aria_label=summary
    )


def _column(index: int, slot: Slot, days: int) -> Iterator[Html]:
    width = 100 / days
    total = sum(getattr(slot.day, role) for role in _ROLES)
    y = float(_COLUMN_HEIGHT)
    for role in _ROLES:
        if number := getattr(slot.day, role):
            height = number * _COLUMN_HEIGHT / total
            y -= height
            yield tag(
                "rect",
                x=f"{(index + 0.1) * width:.3f}%",
                width=f"{0.8 * width:.3f}%",
                y=round(y, 1),
                height=round(height, 1),
                class_=role,
            )
    yield area(index, days, _HEIGHT, f"{slot.date}: {slot.current_key} with the current key")
