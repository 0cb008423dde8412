"""The readings of the browser tests: which user reads which page how, and what they saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tests.integration.browser import Browser, Seen, Wanted
from tests.integration.browser_pages import PAGES, SETTINGS, TOKENS

NOBODY = "nobody"
ALL_MODES = ("default", "no-cache", "force-cache", "only-if-cached")
MAIN_ORDER = ("alice", "bob", NOBODY)
OTHER_ORDERS = (("bob", NOBODY, "alice"), (NOBODY, "alice", "bob", NOBODY))
#: The modes in which a setting is read; the others are read in that of a plain ``fetch()``.
MODES = {
    "default": ALL_MODES,
    "state": ALL_MODES,
    "bearer": ALL_MODES,
    "outer": ("default", "force-cache"),
    "private": ("default", "force-cache"),
    "bearer-private": ("default", "force-cache"),
}
#: The settings that are read in the other orders too, and their modes there.
IN_ANY_ORDER = {"default": ("default", "force-cache"), "state": ("default", "force-cache")}
BODIES = ("silent", "shown")

#: The pages that are visited as pages: each sort of header once, as navigating takes long.
NAVIGATED = (
    "plain", "private", "no-store", "private-fresh", "private-etag", "private-modified",
    "no-cache-etag", "modified", "expires", "moved", "gone-private", "streamed",
)  # fmt: skip
#: As many as the back/forward cache keeps.
KEPT = ("plain", "private", "no-cache", "private-etag", "no-store")


class Cell(NamedTuple):
    """A page of an application as it is set up; ``body`` says whether it shows the token."""

    setting: str
    body: str
    page: str

    @property
    def path(self) -> str:
        parts = [self.setting, self.page] if self.body == "endpoint" else self
        return "/" + "/".join(parts)


class Look(NamedTuple):
    """What one user saw of a cell, who came after the others of ``order``."""

    user: str
    turn: int
    order: tuple[str, ...]
    reading: str
    seen: Seen

    @property
    def foreign(self) -> list[str]:
        """What they saw of others."""
        return [
            f"{self.reading}: {self.user} saw the token of {other} in the {place}"
            f" ({' then '.join(self.order)})"
            for other, token in TOKENS.items()
            if other != self.user
            for place, text in (("headers", self.seen.headers), ("body", self.seen.body))
            if token in text
        ]


Looks = dict[Cell, list[Look]]


def cells(setting: str) -> Iterator[Cell]:
    for page in PAGES:
        for body in BODIES:
            # A token that is read after the headers were sent closes nothing: where no
            # header carries it, the application has to say no-store itself.
            if setting != "state" or (body == "shown" and not PAGES[page].late):
                yield Cell(setting, body, page)
    yield Cell(setting, "endpoint", "signatures")


def fetched(browser: Browser, url: str) -> Looks:
    """Read all cells by ``fetch()``, as each user of each order in turn."""
    looks: Looks = defaultdict(list)
    for order in (MAIN_ORDER, *OTHER_ORDERS):
        for cookies in (True, False) if order is MAIN_ORDER else (True,):
            for turn, user in enumerate(order):
                if cookies or turn == 0:
                    browser.visit(f"{url}/sign-in/{user if cookies else NOBODY}")
                wanted = list(_wanted(url, order, turn, user, cookies=cookies))
                seen = browser.fetch(one for _, _, one in wanted)
                for cell, mode, one in wanted:
                    looks[cell].append(Look(user, turn, order, f"fetch {mode}", seen[one.key]))
    return looks


def _wanted(
    url: str, order: tuple[str, ...], turn: int, user: str, *, cookies: bool
) -> Iterator[tuple[Cell, str, Wanted]]:
    headers = {} if cookies or user == NOBODY else {"Authorization": f"Bearer key-of-{user}"}
    for setting in SETTINGS:
        if setting.startswith("bearer") is cookies:
            continue
        if order is MAIN_ORDER:
            modes = MODES.get(setting, ("default",))
        else:
            modes = IN_ANY_ORDER.get(setting, ())
        for cell in cells(setting):
            for mode in modes:
                address = f"{url}{cell.path}?{mode}-{'-'.join(order)}"
                # What nobody has stored yet, this mode cannot read.
                really = "default" if mode == "only-if-cached" and turn == 0 else mode
                yield cell, mode, Wanted(address, address, really, headers)


def navigated(browser: Browser, url: str, settings: tuple[str, ...]) -> Looks:
    """Visit the pages as alice, then go back, forward, and to them again as others."""
    looks: Looks = defaultdict(list)

    def look(setting: str, page: str, reading: str, user: str, seen: Seen) -> None:
        looks[Cell(setting, "shown", page)].append(
            Look(user, 0 if user == "alice" else 1, ("alice", NOBODY, "bob"), reading, seen)
        )

    for setting in settings:
        browser.visit(f"{url}/sign-in/alice")
        for page in NAVIGATED:
            seen = browser.visit(f"{url}/{setting}/shown/{page}?visited")
            look(setting, page, "visit", "alice", seen)
        browser.visit(f"{url}/sign-in/{NOBODY}")
        for page in reversed(NAVIGATED):
            look(setting, page, "back", NOBODY, browser.back())
        browser.fetch([Wanted("bob", f"{url}/sign-in/bob")])
        for page in NAVIGATED[1:]:
            look(setting, page, "forward", "bob", browser.forward())
        for page in NAVIGATED:
            seen = browser.visit(f"{url}/{setting}/shown/{page}?visited")
            look(setting, page, "visit", "bob", seen)
    return looks


def kept(browser: Browser, url: str, settings: tuple[str, ...]) -> tuple[Looks, set[Cell]]:
    """Do the same over few pages, and tell which came whole from the back/forward cache."""
    looks: Looks = defaultdict(list)
    whole: set[Cell] = set()
    orders = ((NOBODY, "bob"), ("bob", NOBODY))
    for setting in settings:
        for second, third in orders[:1] if setting == "private" else orders:
            order = ("alice", second, third)
            browser.visit(f"{url}/sign-in/alice")
            for page in KEPT:
                seen = browser.visit(f"{url}/{setting}/shown/{page}?kept")
                cell = Cell(setting, "shown", page)
                looks[cell].append(Look("alice", 0, order, "visit", seen))
                browser.mark()
            browser.visit(f"{url}/sign-in/{second}")
            for page in reversed(KEPT):
                cell = Cell(setting, "shown", page)
                looks[cell].append(Look(second, 1, order, "back", browser.back()))
                if browser.was_kept:
                    whole.add(cell)
            browser.fetch([Wanted("third", f"{url}/sign-in/{third}")])
            for page in KEPT[1:]:
                cell = Cell(setting, "shown", page)
                looks[cell].append(Look(third, 2, order, "forward", browser.forward()))
    return looks, whole
