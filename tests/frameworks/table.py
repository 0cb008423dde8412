"""The table of the documentation, made by running every case in every framework.

``python -m tests.frameworks.table > docs/frameworks.md``
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr
from io import StringIO
from textwrap import fill
from typing import Any

from tests.frameworks import (
    driver_bottle,
    driver_django,
    driver_falcon,
    driver_fastapi,
    driver_flask,
    driver_litestar,
    driver_pyramid,
    driver_quart,
    driver_starlette,
)
from tests.frameworks.cases import CASES, PLACES, Driver, Seen, look

_HEAD = """\
# Where each framework shows the token

These requests were run through every framework to write this table, and a test runs them again.
The letters are the places where the token of the current user was found: the request's **s**tate,
the response's **h**eader, the **t**emplate, and afterwards the **e**ndpoint; `-` is nowhere. The
next word is the effect on caches: `no-store`, or the response `varies` by user, or no word if
the response was left unchanged.
"""
_PAGES = """\
The pages: {pages}, [another one](custom-integration.md). What a front end does at login, logout \
and user switch: [session-life.md](session-life.md). Websockets have state everywhere under ASGI, \
and headers on `websocket.accept` with `websocket_headers=True`."""

#: The modules of the drivers with one application, by the framework, in the order of the table.
#: ``test_cases.py`` runs all cases in each.
MODULES: Mapping[str, Any] = {
    "Flask": driver_flask,
    "Litestar": driver_litestar,
    "Quart": driver_quart,
    "Falcon": driver_falcon,
    "Pyramid": driver_pyramid,
    "Bottle": driver_bottle,
}


def drivers() -> Mapping[str, Driver]:
    """Return a driver for each framework, by its name."""
    return {
        "Starlette": driver_starlette.make_driver(),
        "FastAPI": driver_fastapi.make_driver(),
        "Django WSGI": driver_django.WSGIDriver(),
        "Django ASGI": driver_django.ASGIDriver(),
        **{name: module.driver for name, module in MODULES.items()},
    }


def _introduction(frameworks: Iterable[str]) -> str:
    """Return the text above the table, with a link to the page of each framework."""
    names = dict.fromkeys(name.partition(" ")[0] for name in frameworks)  # Django has two columns
    pages = ", ".join(f"[{name}]({name.lower()}.md)" for name in names)
    text = _PAGES.format(pages=pages)
    return f"{_HEAD}\n{fill(text, 99, break_on_hyphens=False, break_long_words=False)}\n"


def cell(seen: Seen) -> str:
    """Return what was seen, in a few letters."""
    shown = {place: bool(getattr(seen, place)) for place in PLACES}
    shown["header"] |= bool(seen.by_email)
    letters = "".join(place[0] for place in PLACES if shown[place]) or "-"
    cached = "no-store" if seen.closed else "varies" if seen.varies else ""
    return f"{letters} {cached}".strip()


def table() -> str:
    """Run everything and return the page."""
    asked = drivers()
    lines = [f"| request | {' | '.join(asked)} |", "|---" * (len(asked) + 1) + "|"]
    for case in CASES:
        cells = [cell(look(driver, case)) for driver in asked.values()]
        lines.append(f"| {case.name} | {' | '.join(cells)} |")
    return "\n".join([_introduction(asked), *lines, ""])


if __name__ == "__main__":
    with redirect_stderr(StringIO()):  # the frameworks log the errors of the cases
        page = table()
    sys.stdout.write(page)
