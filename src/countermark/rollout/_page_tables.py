"""The tables of the page: days, verdicts, origins and reasons for admission."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import gmtime, strftime
from typing import Any

from countermark.errors import REFUSALS
from countermark.rollout._chart import Slot
from countermark.rollout._markup import Html, tag
from countermark.rollout._readiness import percent
from countermark.rollout._snapshot import DayCount, GroupStats

#: A row: the name, an explanation or "", and the cells with numbers.
Row = tuple[str, str, Sequence[str]]

_MEANINGS = {"verified": "the token is valid", **REFUSALS}
_ADMITTED_BY = {
    "token": "the token is valid",
    "monitor": "allowed, as the mode is monitor",
    "allowance": "allowed, as the allowance had room",
    "fail_open": "allowed, as the store did not answer",
    None: "refused",
}


def days_table(slots: list[Slot]) -> Html:
    """Return the numbers of the charts; the share of the current key only during a rotation."""
    rotates = any(slot.day.previous or slot.day.next for slot in slots)
    heading = ["day (UTC)", "requests", "verified", "share"]
    rows = []
    for slot in reversed(slots):
        cells = [f"{slot.day.requests:,}", f"{slot.day.verified:,}", slot.percentage]
        cells += [slot.current_key] if rotates else []
        rows.append((date_of(slot.day), "today" if slot.is_today else "", cells))
    heading += ["current key"] if rotates else []
    return table("Requests by day", heading, rows, "days")


def verdicts_table(stats: GroupStats) -> Html:
    """Return the requests by verdict, with the meaning of each."""
    return _shares("Verdicts", "verdict", stats, "verdict", _MEANINGS)


def admitted_table(stats: GroupStats) -> Html:
    """Return the requests by the reason for which they were allowed."""
    return _shares(
        "Requests by the reason for which they were allowed",
        "allowed by",
        stats,
        "admitted_by",
        _ADMITTED_BY,
    )


def origins_table(stats: GroupStats) -> Html:
    """Return the requests by origin, with the share of verified ones."""
    verified: dict[str | None, int] = {}
    for count in stats.counts:
        if count.verdict == "verified":
            verified[count.origin] = verified.get(count.origin, 0) + count.requests
    rows = [
        (
            origin or "none",
            "" if origin else "no allowed origin was sent",
            [f"{n:,}", f"{percent(verified.get(origin, 0), n)} %"],
        )
        for origin, n in ordered(stats.by("origin"))
    ]
    return table("Origins", ("origin", "requests", "verified"), rows)


def _shares(
    caption: str, title: str, stats: GroupStats, field: str, meanings: Mapping[Any, str]
) -> Html:
    rows = [
        (
            "none" if value is None else value,
            meanings.get(value, ""),
            [f"{n:,}", f"{percent(n, stats.requests)} %"],
        )
        for value, n in ordered(stats.by(field))
    ]
    return table(caption, (title, "requests", "share"), rows)


def table(
    caption: str, heading: Sequence[str], rows: Iterable[Row], class_: str | None = None
) -> Html:
    """Return a table, whose caption only screen readers show.

    Args:
        caption: The title.
        heading: The titles of the columns.
        rows: The rows.
        class_: The class of the element.
    """
    first, *others = heading
    head = [tag("th", first, scope="col"), *(tag("th", name, scope="col") for name in others)]
    body = [
        tag(
            "tr",
            tag("th", tag("bdi", name), *_note(note), scope="row"),
            *(tag("td", cell) for cell in cells),
        )
        for name, note, cells in rows
    ]
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *head)),
        tag("tbody", *body),
        class_=class_,
    )


def _note(note: str) -> list[Html]:
    return [tag("small", note)] if note else []


def ordered(sums: dict[str | None, int]) -> list[tuple[str | None, int]]:
    """Return the numbers with their names, the largest first."""
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0] or ""))


def date_of(day: DayCount) -> str:
    """Return the date of a day."""
    return strftime("%Y-%m-%d", gmtime(day.start))
