"""The report of a rollout as a page: one HTML document that loads nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files

from countermark.rollout._chart import slots_of
from countermark.rollout._markup import Html, tag
from countermark.rollout._page_section import GroupView, badge, section, status, time_element
from countermark.rollout._readiness import (
    LEAST_VERIFIED,
    at_least,
    is_ready,
    left_out,
    readiness,
)
from countermark.rollout._report import group_name
from countermark.rollout._rotation import previous_key
from countermark.rollout._snapshot import Group, Snapshot

# A check mark on green. It is part of the page, because browsers ask the server for an icon.
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='4' fill='%23117a5b'/%3E%3Cpath d='M4 8.5l3 3 5-6'"
    " fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E"
)

_EMPTY = (
    "No requests were counted in these days. The meter counts once it is the meter= of a"
    " VerifyingMiddleware in the mode monitor or enforce."
)


def as_html(
    snapshot: Snapshot,
    *,
    least: float | str = LEAST_VERIFIED,
    allowance_left: Mapping[Group, int] | None = None,
    stranded: Mapping[Group, Sequence[str]] | None = None,
    refresh: float | None = None,
) -> str:
    """Return the report as an HTML document that loads nothing from elsewhere.

    It contains no token, and no id of a principal but those of *stranded*. Show it only to
    people who may know the names of tenants and the numbers of requests: it does not check who
    reads it.

    Args:
        snapshot: The snapshot of a meter.
        least: The percentage of requests that must be verified, as for :func:`readiness`.
        allowance_left: How many more unsigned sessions are allowed, by group, if known.
        stranded: The ids of principals with unverified requests only, by group, to list on the
            page.
        refresh: Seconds after which the page fetches its own address again, for a page that a
            server makes for each request. None: the page does not change.
    """
    ready = is_ready(snapshot, least=least)
    views = [
        GroupView(
            f"group-{number}",
            stats,
            readiness(snapshot, stats, least=least),
            previous_key(snapshot, stats),
            slots_of(snapshot, stats),
            float(least),
            (allowance_left or {}).get(stats.group),
            None if stranded is None else stranded.get(stats.group, ()),
        )
        for number, stats in enumerate(snapshot.groups, 1)
    ]
    several = len(views) > 1
    overview = [_overview(views)] if several else []
    sections = [section(view, several=several) for view in views]
    main = tag("main", _header(snapshot, ready), *overview, *sections, id="main")
    live = [] if refresh is None else [_controls(refresh)]
    body = tag("body", *live, main, *_script(refresh), data_refresh=refresh)
    return f"<!DOCTYPE html>\n{tag('html', _head(ready, refresh), body, lang='en')}\n"


def policy(refresh: float | None) -> str:
    """Return the Content-Security-Policy of the page: its own style and script, nothing else."""
    script = "" if refresh is None else f"; script-src {_source('page.js')}; connect-src 'self'"
    return (
        f"default-src 'none'; style-src {_source('page.css')}; img-src data:{script};"
        " base-uri 'none'; form-action 'none'"
    )


@cache
def _asset(name: str) -> Html:
    return Html(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _source(name: str) -> str:
    return f"'sha256-{b64encode(sha256(_asset(name).encode()).digest()).decode()}'"


def _head(ready: bool, refresh: float | None) -> Html:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(refresh)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="robots", content="noindex"),
        tag("title", f"{_answer(ready)}: countermark rollout"),
        tag("link", rel="icon", href=_ICON),
        tag("style", _asset("page.css")),
    )


def _script(refresh: float | None) -> Iterator[Html]:
    if refresh is not None:
        yield tag("script", _asset("page.js"))


def _controls(refresh: float) -> Html:
    return tag(
        "aside",
        tag("span", f"Updated every {refresh:g} s", id="updates", role="status"),
        tag("button", "Pause", id="pause", type="button", hidden=""),
        aria_label="Updates",
    )


def _header(snapshot: Snapshot, ready: bool) -> Html:
    reasons = [
        tag("li", tag("bdi", group_name(*group)), f" does not count: {why}.")
        for group, why in left_out(snapshot).items()
    ]
    return tag(
        "header",
        tag("p", "countermark rollout", class_="product"),
        tag("h1", _answer(ready), class_=status(ready), aria_live="polite"),
        tag(
            "p", f"The last {snapshot.days} days and today, as of ", time_element(snapshot.taken_at)
        ),
        *([] if snapshot.groups else [tag("p", _EMPTY)]),
        *([tag("ul", *reasons)] if reasons else []),
    )


def _overview(views: Sequence[GroupView]) -> Html:
    names = ("group", "requests", "verified", "stranded", "ready")
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in names)))
    body = tag("tbody", *map(_overview_row, views))
    return tag("section", tag("table", tag("caption", "All groups"), head, body), class_="overview")


def _overview_row(view: GroupView) -> Html:
    principals = view.stats.principals
    return tag(
        "tr",
        tag("th", tag("a", view.name, href=f"#{view.anchor}"), scope="row"),
        tag("td", f"{view.stats.requests:,}"),
        tag("td", view.share),
        tag("td", at_least(principals.stranded, principals.exact)),
        tag("td", badge(view.readiness.ready)),
    )


def _answer(ready: bool) -> str:
    return "Ready to enforce" if ready else "Not ready to enforce"
