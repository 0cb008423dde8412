"""The table of the documentation, made by running every case in every framework.

``python -m tests.frameworks.table > docs/frameworks.md``
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

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

The pages: [Starlette](starlette.md), [FastAPI](fastapi.md), [Django](django.md),
[Flask](flask.md), [Litestar](litestar.md), [Quart](quart.md), [Falcon](falcon.md),
[Pyramid](pyramid.md), [Bottle](bottle.md), [another one](custom-integration.md). What a front end
does at login, logout and user switch: [session-life.md](session-life.md). Websockets have state
everywhere under ASGI, and headers on `websocket.accept` with `websocket_headers=True`.
"""


def drivers() -> Mapping[str, Driver]:
    """Return a driver for each framework, by its name."""
    return {
        "Starlette": driver_starlette.make_driver(),
        "FastAPI": driver_fastapi.make_driver(),
        "Django WSGI": driver_django.WSGIDriver(),
        "Django ASGI": driver_django.ASGIDriver(),
        "Flask": driver_flask.driver,
        "Litestar": driver_litestar.driver,
        "Quart": driver_quart.driver,
        "Falcon": driver_falcon.driver,
        "Pyramid": driver_pyramid.driver,
        "Bottle": driver_bottle.driver,
    }


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
    return "\n".join([_HEAD, *lines, ""])


if __name__ == "__main__":
    sys.stdout.write(table())
