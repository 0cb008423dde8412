"""The module for the front end in a real Chromium: several tabs, a sleeping one, a wrong clock.

Chromium shows one tab of a window at a time, so a tab becomes visible when it is used here, and
the others are in the background.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.browser import Browser, serving

#: Changes the user as a page does, and tells the module.
_SIGN = """
const [path, done] = arguments;
fetch(path).then(() => refresh()).then(() => done());
"""
_ASYNC = "const done = arguments[0]; ({}).then(done, (error) => done(`failed: ${{error.message}}`))"


class Tab:
    """A tab of the browser with the page of one folder."""

    def __init__(self, browser: Browser, url: str, *, window: bool = False) -> None:
        self.driver = browser.driver
        self.driver.switch_to.new_window("window" if window else "tab")
        self.handle = self.driver.current_window_handle
        self.driver.get(url)

    def show(self) -> None:
        """Make it the visible tab of its window."""
        self.driver.switch_to.window(self.handle)

    def run(self, script: str) -> Any:
        self.show()
        return self.driver.execute_script(script)

    def wait_for(self, script: str) -> Any:
        """Run an asynchronous expression and return its value."""
        self.show()
        return self.driver.execute_async_script(_ASYNC.format(script))

    def sign(self, path: str) -> None:
        self.show()
        self.driver.execute_async_script(_SIGN, path)

    def logged(self, *expected: str) -> None:
        """Check the log since the last call, once it has become as long."""
        deadline = time.monotonic() + 10
        while len(self.run("return log")) < len(expected) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.run("return log.splice(0)") == list(expected)

    def freeze(self) -> None:
        self.show()
        self.driver.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "frozen"})

    def thaw(self) -> None:
        self.show()
        self.driver.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "active"})


OpenTab = Callable[..., Tab]


@pytest.fixture(scope="module")
def site(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Browser, str]]:
    directory = tmp_path_factory.mktemp("follow")
    binaries = need_binary("chromium"), need_binary("chromedriver")
    browser = Browser(binaries, directory / "profile", keeps_pages=True)
    with serving("follow", directory) as url:
        yield browser, url
    browser.quit()


@pytest.fixture
def tab(site: tuple[Browser, str]) -> Iterator[OpenTab]:
    """Return a function that opens a tab, with no user at first."""
    browser, url = site
    first = browser.driver.current_window_handle
    browser.driver.delete_all_cookies()
    opened: list[Tab] = []

    def open_tab(folder: str = "long", *, user: str = "", window: bool = False) -> Tab:
        tab = Tab(browser, f"{url}/{folder}/", window=window)
        opened.append(tab)
        if user:
            tab.sign(f"sign-in/{user}")
        return tab

    yield open_tab
    for one in opened:
        one.show()
        browser.driver.delete_all_cookies()
        browser.driver.close()
    browser.driver.switch_to.window(first)


def test_three_tabs_follow_login_switch_and_logout(tab: OpenTab) -> None:
    first, second, third = tabs = [tab(), tab(), tab()]
    first.sign("sign-in/ann")
    first.logged("hidden", "visible", "s+ann", "k+ann")
    second.logged("hidden", "visible", "s+ann", "k+ann")
    third.logged("hidden", "visible", "s+ann", "k+ann")
    third.sign("sign-in/bob")
    third.logged("s-", "k-", "s+bob", "k+bob")
    # Those in the background have stopped before they are shown.
    for one in (first, second):
        one.logged("hidden", "s-", "k-", "visible", "s+bob", "k+bob")
    second.sign("sign-out")
    second.logged("s-", "k-")
    first.logged("hidden", "s-", "k-", "visible")
    third.logged("hidden", "s-", "k-", "visible")
    assert [one.run("return violations") for one in tabs] == [[], [], []]


def test_another_visible_window_starts_again_by_itself(tab: OpenTab) -> None:
    first = tab(user="ann", window=True)
    second = tab(window=True)
    first.logged("s+ann", "k+ann")
    second.logged("s+ann", "k+ann")
    second.sign("sign-in/bob")
    second.logged("s-", "k-", "s+bob", "k+bob")
    first.logged("s-", "k-", "s+bob", "k+bob")


def test_a_page_that_is_opened_tells_the_tabs_of_another_user(tab: OpenTab) -> None:
    first = tab(user="ann")
    second = tab(user="ann")
    second.wait_for("fetch('sign-in/bob')")
    second.driver.refresh()  # as a login by form does
    second.logged("s+bob", "k+bob")
    first.logged("s+ann", "k+ann", "hidden", "s-", "k-", "visible", "s+bob", "k+bob")


def test_a_frozen_tab_catches_up_when_it_wakes(tab: OpenTab) -> None:
    sleeper = tab(user="ann")
    sleeper.logged("s+ann", "k+ann")
    other = tab()
    sleeper.freeze()
    other.sign("sign-in/bob")
    other.sign("sign-out")
    other.sign("sign-in/cat")
    sleeper.thaw()
    log = sleeper.wait_for("new Promise((done) => setTimeout(() => done(log), 1500))")
    calls = [line for line in log if line not in {"visible", "hidden"}]
    assert calls == ["s-", "k-", "s+cat", "k+cat"]


def test_a_page_of_the_back_forward_cache_catches_up(tab: OpenTab) -> None:
    one = tab(user="ann")
    one.logged("s+ann", "k+ann")
    one.driver.get("about:blank")
    other = tab()
    other.sign("sign-in/bob")
    one.show()
    one.driver.back()
    one.logged("hidden", "visible", "s-", "k-", "s+bob", "k+bob")


def test_a_token_is_renewed_in_time(tab: OpenTab) -> None:
    began = time.monotonic()
    one = tab("short", user="ann")
    one.logged("s+ann", "k+ann", "k~")
    assert 4.5 < time.monotonic() - began < 12


def test_a_clock_that_jumps_ahead_renews_and_one_that_jumps_back_does_not(tab: OpenTab) -> None:
    one = tab(user="ann")
    other = tab()
    one.run("const real = Date.now; window.offset = 0; Date.now = () => real() + offset")
    one.run("offset = -365 * 86400000")
    other.show()
    one.logged("s+ann", "k+ann", "hidden", "visible", "hidden", "visible")
    one.run("offset = 0")
    one.run("offset = 7200000")
    other.show()
    one.logged("hidden", "visible", "k~")
    other.show()
    one.logged("hidden", "visible")


def test_a_vendor_can_ask_for_a_token_of_the_same_user_alone(tab: OpenTab) -> None:
    one = tab(user="ann")
    assert one.wait_for("fresh()")["user"] == {"id": "ann"}
    one.wait_for("(window.old = fresh, fetch('sign-in/bob'))")
    assert one.wait_for("old()") == "failed: countermark: no token, or another user"
    one.logged("s+ann", "k+ann", "s-", "k-", "s+bob", "k+bob")


def test_nothing_is_stored_and_the_policy_is_in_force(tab: OpenTab) -> None:
    one = tab(user="ann")
    one.logged("s+ann", "k+ann")
    stored = "return [localStorage.length, sessionStorage.length, document.cookie]"
    assert one.run(stored) == [0, 0, ""]
    assert one.wait_for("Promise.all([caches.keys(), indexedDB.databases()])") == [[], []]
    assert one.run("return violations") == []
    refused = one.run("try { document.body.innerHTML = 'x' } catch (error) { return error.name }")
    assert refused == "TypeError"
    assert one.run("return violations") == ["require-trusted-types-for"]
