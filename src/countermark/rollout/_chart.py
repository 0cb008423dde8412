"""The chart of the verified requests by day, as SVG that fits any width.

Horizontal positions are percentages, vertical ones are pixels, and no part has a style of its
own, because the policy of the page forbids that.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from time import gmtime
from typing import NamedTuple

from countermark.rollout._markup import Html, joined, tag
from countermark.rollout._readiness import percent
from countermark.rollout._snapshot import DAY, DayCount, GroupStats, Snapshot, day_of

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

# The plot of the shares, the bars of the requests below it, and the labels of the days.
_TOP, _BOTTOM, _BARS_TOP, _BARS_BOTTOM, _HEIGHT = 22, 172, 198, 238, 262
_AXIS_WIDTH = 52

# The lowest shares that an axis begins with. All lead to round labels.
_FLOORS = (99, 95, 90, 80, 50, 0)

# The most days with a label each.
_MOST_LABELS = 8


class Slot(NamedTuple):
    """One day of the chart.

    Attributes:
        day: The requests of the day; all numbers are 0 if there were none.
        share: The percentage of verified requests, without claims; None if there were none.
        is_today: True for the day that is not over.
    """

    day: DayCount
    share: float | None
    is_today: bool

    @property
    def date(self) -> str:
        """The day, such as ``15 Jan``."""
        date = gmtime(self.day.start)
        return f"{date.tm_mday} {_MONTHS[date.tm_mon - 1]}"

    @property
    def percentage(self) -> str:
        """The share as text."""
        if self.share is None:
            return "none"
        return f"{percent(self.day.verified, self.day.requests - self.day.claims)} %"

    @property
    def current_key(self) -> str:
        """The share of the current key in the verified requests, as text."""
        total = self.day.current + self.day.previous + self.day.next
        return f"{percent(self.day.current, total)} %" if total else "none"

    @property
    def text(self) -> str:
        """The numbers of the day, for people who point at it."""
        date = f"{self.date} (today)" if self.is_today else self.date
        if not self.day.requests:
            return f"{date}: no requests"
        if self.share is None:
            return f"{date}: {self.day.requests:,} requests, all of claimed ids"
        return f"{date}: {self.percentage} verified, of {self.day.requests:,} requests"


def slots_of(snapshot: Snapshot, stats: GroupStats) -> list[Slot]:
    """Return the days of the snapshot, those without requests too."""
    counts = {count.start: count for count in stats.by_day}
    today = day_of(snapshot.taken_at)
    slots = []
    for day in range(today - snapshot.days, today + 1):
        count = counts.get(day * DAY, DayCount(day * DAY, 0))
        counted = count.requests - count.claims
        share = count.verified * 100 / counted if counted else None
        slots.append(Slot(count, share, day == today))
    return slots


def chart(slots: list[Slot], least: float) -> Html:
    """Return the chart: the share of each day above its requests.

    Args:
        slots: The days, in order.
        least: The required percentage, which is drawn as a line.
    """
    shares = [slot.share for slot in slots if slot.share is not None]
    axis = _Axis(min([*shares, least]), max(slot.day.requests for slot in slots))
    plot = joined([*axis.lines(least), *_bars(slots, axis), *_shares(slots, axis), *_days(slots)])
    return tag(
        "div",
        tag("svg", *axis.labels(), width=_AXIS_WIDTH, height=_HEIGHT, aria_hidden="true"),
        tag(
            "svg", plot, width="100%", height=_HEIGHT, role="img", aria_label=_summary(slots, least)
        ),
        class_="chart",
    )


def area(index: int, days: int, height: int, text: str) -> Html:
    """Return the area of a day, which shows *text* under the pointer."""
    x, width = f"{index * 100 / days:.3f}%", f"{100 / days:.3f}%"
    return tag("rect", tag("title", text), x=x, width=width, y=0, height=height, class_="area")


class _Axis:
    """The vertical scales: shares above, requests below."""

    def __init__(self, lowest: float, most: int) -> None:
        self._floor = next(floor for floor in _FLOORS if floor < lowest or not floor)
        self._most = most

    def share(self, share: float) -> float:
        part = (share - self._floor) / (100 - self._floor)
        return round(_BOTTOM - part * (_BOTTOM - _TOP), 1)

    def bar(self, requests: int) -> float:
        height = requests * (_BARS_BOTTOM - _BARS_TOP) / (self._most or 1)
        return round(max(height, 1.5) if requests else 0, 1)

    def _ticks(self) -> list[float]:
        return [self._floor, (self._floor + 100) / 2, 100]

    def lines(self, least: float) -> Iterator[Html]:
        for share in self._ticks():
            yield _line(self.share(share), "grid")
        yield _line(_BARS_BOTTOM, "grid")
        yield _line(self.share(least), "needed")

    def labels(self) -> Iterator[Html]:
        texts = [(f"{share:g} %", self.share(share)) for share in self._ticks()]
        texts += [(_short(self._most), _BARS_TOP), ("0", _BARS_BOTTOM)]
        for text, y in texts:
            yield tag("text", text, x=_AXIS_WIDTH - 8, y=y + 4, text_anchor="end")


def _line(y: float, kind: str) -> Html:
    return tag("line", x1="0", x2="100%", y1=y, y2=y, class_=kind)


def _middle(index: int, slots: list[Slot]) -> str:
    return f"{(index + 0.5) * 100 / len(slots):.3f}%"


def _bars(slots: list[Slot], axis: _Axis) -> Iterator[Html]:
    width = 100 / len(slots)
    for index, slot in enumerate(slots):
        height = axis.bar(slot.day.requests)
        yield tag(
            "rect",
            x=f"{(index + 0.2) * width:.3f}%",
            width=f"{0.6 * width:.3f}%",
            y=_BARS_BOTTOM - height,
            height=height,
            class_="requests",
        )


def _shares(slots: list[Slot], axis: _Axis) -> Iterator[Html]:
    points = [
        None if slot.share is None else (_middle(index, slots), axis.share(slot.share))
        for index, slot in enumerate(slots)
    ]
    for one, following in pairwise(points):
        if one and following:
            (x1, y1), (x2, y2) = one, following
            yield tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="share")
    has_room = len(slots) <= _MOST_LABELS
    for point, slot in zip(points, slots, strict=True):
        if point:
            x, y = point
            kind = "day today" if slot.is_today else "day"
            yield tag("circle", cx=x, cy=y, r=4 if has_room else 3, class_=kind)
            if has_room:
                text, above = slot.percentage, round(y - 10, 1)
                yield tag("text", text, x=x, y=above, text_anchor="middle", class_="minor value")


def _days(slots: list[Slot]) -> Iterator[Html]:
    """Yield the dates, and an area for each day that shows its numbers under the pointer."""
    step = -(-len(slots) // _MOST_LABELS)
    for index, slot in enumerate(slots):
        # Counted from today, so that today has a date. A narrow window shows every other one.
        before = len(slots) - 1 - index
        if before % step == 0:
            at_end = step > 1 and not before  # days are narrow, and the date would be cut off
            yield tag(
                "text",
                slot.date,
                x="100%" if at_end else _middle(index, slots),
                y=_HEIGHT - 6,
                text_anchor="end" if at_end else "middle",
                class_="minor" if before // step % 2 else None,
            )
        yield area(index, len(slots), _HEIGHT, slot.text)


def _summary(slots: list[Slot], least: float) -> str:
    counted = [slot for slot in slots if slot.share is not None]
    if not counted:
        return "Verified requests by day: no requests."
    lowest = min(counted, key=lambda slot: slot.share or 0)
    return (
        f"Verified requests by day. {counted[0].text}. {counted[-1].text}. The lowest share was"
        f" {lowest.percentage} on {lowest.date}; {least:g} % are needed. A table has all days."
    )


def _short(number: int) -> str:
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if number >= size * 10:
            return f"{number / size:.0f} {unit}"
    return f"{number:,}"
