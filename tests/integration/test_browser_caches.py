"""In one profile of a real Chromium, no user sees the token of another, however they read.

Alice, bob and nobody use the same browser one after the other. What its HTTP cache and
its back/forward cache hand to the later ones must hold no token of the earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.browser import KINDS, Browser, serving
from tests.integration.browser_matrix import (
    KEPT,
    NAVIGATED,
    Cell,
    Look,
    Looks,
    cells,
    fetched,
    kept,
    navigated,
)
from tests.integration.browser_pages import PAGES, SETTINGS, TOKENS

VISITED = ("default", "state")
CELLS = [cell for setting in SETTINGS for cell in cells(setting)]
OWN = [cell for cell in CELLS if cell.setting in {"default", "no-store", "private", "bearer"}]


class Observed(NamedTuple):
    """What was seen of one kind of application."""

    fetched: Looks
    navigated: Looks
    kept: Looks
    whole: set[Cell]


Observe = Callable[[str], Observed]


@pytest.fixture(scope="module")
def observe(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Observe]:
    """Return a function that reads everything of one kind of application, once."""
    binaries = need_binary("chromium"), need_binary("chromedriver")
    directory: Path = tmp_path_factory.mktemp("browsers")
    usual = Browser(binaries, directory / "usual", keeps_pages=True)
    forgetful = Browser(binaries, directory / "forgetful", keeps_pages=False)

    @cache
    def once(kind: str) -> Observed:
        with serving(kind, directory) as url:
            return Observed(
                fetched(usual, url),
                navigated(forgetful, url, VISITED),
                *kept(usual, url, (*VISITED, "private")),
            )

    yield once
    usual.quit()
    forgetful.quit()


def named(cell: Cell) -> str:
    return " ".join(cell)


def foreign(looks: list[Look]) -> str:
    """Return a line for each token that was seen by another than its user."""
    assert len(looks) > 1
    return "\n".join(line for look in looks for line in look.foreign)


@pytest.mark.parametrize("cell", CELLS, ids=named)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fetch_shows_no_token_of_another(observe: Observe, kind: str, cell: Cell) -> None:
    assert foreign(observe(kind).fetched[cell]) == ""


@pytest.mark.parametrize("page", NAVIGATED)
@pytest.mark.parametrize("setting", VISITED)
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_of_the_history_shows_no_token_of_another(
    observe: Observe, kind: str, setting: str, page: str
) -> None:
    looks = observe(kind).navigated[Cell(setting, "shown", page)]
    assert foreign(looks) == ""
    assert TOKENS["alice"] in looks[0].seen.body


@pytest.mark.parametrize("page", KEPT)
@pytest.mark.parametrize("setting", VISITED)
@pytest.mark.parametrize("kind", KINDS)
def test_the_back_forward_cache_shows_no_token_of_another(
    observe: Observe, kind: str, setting: str, page: str
) -> None:
    looks = observe(kind).kept[Cell(setting, "shown", page)]
    assert foreign(looks) == ""
    assert TOKENS["alice"] in looks[0].seen.body


@pytest.mark.parametrize("page", ["plain", "private", "no-cache"])
@pytest.mark.parametrize("kind", KINDS)
def test_private_alone_leaves_pages_to_the_back_forward_cache(
    observe: Observe, kind: str, page: str
) -> None:
    """Pin why ``no-store`` is the default, and that the tests above can see a leak."""
    cell = Cell("private", "shown", page)
    assert cell in observe(kind).whole
    assert foreign(observe(kind).kept[cell]) != ""


@pytest.mark.parametrize("cell", OWN, ids=named)
@pytest.mark.parametrize("kind", KINDS)
def test_users_see_their_own_token_where_it_may_ride(
    observe: Observe, kind: str, cell: Cell
) -> None:
    firsts = [
        look
        for look in observe(kind).fetched[cell]
        if look.reading == "fetch default" and look.turn == 0 and look.user in TOKENS
    ]
    assert firsts
    page = PAGES.get(cell.page)
    for look in firsts:
        token = TOKENS[look.user]
        if cell.body != "silent":
            assert token in look.seen.body
        if page and page.carries:
            assert token in look.seen.headers
        # A status that lasts for ever is made no-store instead, and carries it then.
        elif page and page.status == 200 and cell.body == "silent":
            assert token not in look.seen.headers


@pytest.mark.parametrize("page", [name for name, page in PAGES.items() if page.carries])
@pytest.mark.parametrize("kind", KINDS)
def test_users_see_their_own_token_after_another(observe: Observe, kind: str, page: str) -> None:
    later = [
        look
        for look in observe(kind).fetched[Cell("default", "silent", page)]
        if look.reading == "fetch default" and look.turn and look.user in TOKENS
    ]
    assert {look.user for look in later} == set(TOKENS)
    assert [look for look in later if TOKENS[look.user] not in look.seen.headers] == []


def test_the_matrix_is_large(observe: Observe) -> None:
    looks = [
        look
        for kind in KINDS
        for seen in observe(kind)[:3]
        for found in seen.values()
        for look in found
    ]
    assert len(looks) > 15_000
    assert {look.seen.status for look in looks if look.reading == "fetch default"} == {
        200, 300, 301, 308, 401, 410,
    }  # fmt: skip
