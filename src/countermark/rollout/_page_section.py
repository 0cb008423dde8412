"""The section of the page about one group: its data, and its markup."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from time import gmtime, strftime
from typing import NamedTuple

from countermark.rollout._chart import Slot, chart
from countermark.rollout._markup import Html, tag
from countermark.rollout._page_keys import keys
from countermark.rollout._page_tables import (
    admitted_table,
    days_table,
    origins_table,
    verdicts_table,
)
from countermark.rollout._readiness import Readiness, at_least, percent
from countermark.rollout._report import group_name
from countermark.rollout._rotation import PreviousKey
from countermark.rollout._snapshot import Group, GroupStats, time_of

# A number of the group: its name, the number and its unit.
_Number = tuple[str, str, str]


class GroupView(NamedTuple):
    """The data of a section.

    Attributes:
        anchor: The id of the heading in the document.
        readiness: The answer, with the reasons against it.
        previous: The use of the previous key.
        slots: The days of the chart.
        least: The required percentage of verified requests.
        left: How many more unsigned sessions are allowed; None: it is not known.
        stranded: The ids to name as stranded; None: no list of ids was given.
    """

    anchor: str
    stats: GroupStats
    readiness: Readiness
    previous: PreviousKey
    slots: list[Slot]
    least: float
    left: int | None
    stranded: Sequence[str] | None

    @property
    def name(self) -> Html:
        """The name of the group, kept apart from the text around it."""
        return tag("bdi", group_name(*self.stats.group))

    @property
    def share(self) -> str:
        """The percentage of verified requests, without claims."""
        counted = self.stats.requests - self.stats.claims
        return f"{percent(self.stats.verified, counted)} %" if counted else "none"


def section(view: GroupView, *, several: bool) -> Html:
    """Return the section.

    Args:
        view: The data.
        several: Whether the page has other sections, so that this one needs its own answer.
    """
    heading = tag("h2", view.name, id=view.anchor, tabindex="-1")
    badges = [badge(view.readiness.ready)] if several else []
    return tag(
        "section",
        tag("div", heading, *badges, class_="heading"),
        *_reasons(view.readiness.reasons),
        tag("dl", *map(_number, _numbers(view))),
        _seen(view.stats),
        *(_details(view) if view.stats.requests else ()),
        *_stranded(view),
        aria_labelledby=view.anchor,
    )


def badge(ready: bool) -> Html:
    """Return the answer for one group."""
    return tag("span", "ready" if ready else "not ready", class_=f"badge {status(ready)}")


def status(ready: bool) -> str:
    """Return the class of an answer."""
    return "yes" if ready else "no"


def time_element(seconds: float) -> Html:
    """Return a time, to the minute for people and to the second for programs."""
    machine = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(seconds))
    return tag("time", time_of(seconds), datetime=machine)


def _reasons(reasons: Sequence[str]) -> Iterator[Html]:
    if reasons:
        yield tag("ul", *(tag("li", f"{each[:1].upper()}{each[1:]}.") for each in reasons))


def _numbers(view: GroupView) -> Iterator[_Number]:
    stats, principals = view.stats, view.stats.principals
    exact = principals.exact
    yield (
        "requests verified",
        view.share,
        f"{stats.verified:,} of {stats.requests - stats.claims:,}",
    )
    yield "would be refused", f"{stats.would_be_refused:,}", "requests, in the mode enforce"
    yield "were refused", f"{stats.refused:,}", "requests"
    yield "principals stranded", at_least(principals.stranded, exact), "unverified requests only"
    yield "principals affected", at_least(principals.affected, exact), "with unverified requests"
    yield "principals verified", f"{principals.verified:,}", "with verified requests"
    if stats.claims:
        claimed = at_least(principals.claimed, principals.claims_exact)
        yield "ids claimed", claimed, f"in {stats.claims:,} requests that do not count"
    if view.left is not None:
        yield "allowance left", f"{view.left:,}", "unsigned sessions"


def _number(number: _Number) -> Html:
    name, value, unit = number
    return tag("div", tag("dt", name), tag("dd", tag("b", value), tag("small", unit)))


def _seen(stats: GroupStats) -> Html:
    first, last = time_element(stats.first_seen), time_element(stats.last_seen)
    days = f", on {stats.days_seen} of these days."
    return tag("p", "Requests from ", first, " to ", last, days, class_="seen")


def _details(view: GroupView) -> Iterator[Html]:
    stats = view.stats
    if stats.by_day:
        days = tag("details", tag("summary", "Table of the days"), days_table(view.slots))
        yield tag("h3", "Verified requests by day")
        yield tag("figure", chart(view.slots, view.least), _legend(view), days)
    tables = {
        "Verdicts": verdicts_table(stats),
        "Keys": keys(stats, view.slots, view.previous),
        "Origins": origins_table(stats),
        "Allowed by": admitted_table(stats),
    }
    titled = [tag("div", tag("h3", title), table) for title, table in tables.items()]
    yield tag("div", *titled, class_="tables")


def _legend(view: GroupView) -> Html:
    claims = " Requests of claimed ids are left out of the share." if view.stats.claims else ""
    return tag(
        "figcaption",
        f"Points: the share of verified requests. Dashed line: the needed {view.least:g} %."
        f" Bars: all requests. The hollow point is today, which is not over.{claims}",
    )


def _stranded(view: GroupView) -> Iterator[Html]:
    number, exact = view.stats.principals.stranded, view.stats.principals.exact
    if not number:
        return
    yield tag("h3", "Stranded principals")
    if view.stranded is None:
        yield tag(
            "p",
            "The meter keeps pseudonyms, so this page has no ids. If the counts are in Redis, this"
            " command prints the ids of a list that had unverified requests only:",
        )
        yield tag("pre", tag("code", _command(view.stats.group)))
        return
    found = f"{len(view.stranded):,} of {at_least(number, exact)}"
    yield tag("p", f"Found in the list of ids that was given: {found}.")
    if view.stranded:
        yield tag("ul", *(tag("li", tag("bdi", each)) for each in view.stranded), class_="ids")


def _command(group: Group) -> str:
    scheme, environment, tenant = group
    words = ["countermark", "rollout", "--scheme", scheme, "--environment", environment or ""]
    words += [] if tenant is None else ["--tenant", tenant]
    return shlex.join([*words, "--which-of", "customers.txt"])
