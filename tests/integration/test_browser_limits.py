"""What a browser keeps in spite of ``no-store``: the limits that the documentation names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.integration.browser import Browser, Wanted, serving
from tests.integration.browser_pages import TOKENS

PAGE = "/default/shown/no-store"
#: A script of the application that shows what an API answers to a bearer token.
SHOW_ANSWER = """
const [url, done] = arguments;
fetch(url, {headers: {Authorization: "Bearer key-of-alice"}})
  .then(answer => answer.text())
  .then(text => { document.body.textContent = text; done(); });
"""
#: A script of the application, as service workers have it, that keeps what it has read.
KEEP = """
const [url, done] = arguments;
caches.open("kept").then(kept => kept.add(url)).then(() => done());
"""
READ_KEPT = """
const [url, done] = arguments;
caches.match(url).then(kept => kept.text()).then(done);
"""


class Site(NamedTuple):
    browser: Browser
    url: str


@pytest.fixture(scope="module")
def site(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("browser")
    binaries = need_binary("chromium"), need_binary("chromedriver")
    browser = Browser(binaries, directory / "profile", keeps_pages=True)
    with serving("asgi", directory) as url:
        yield Site(browser, url)
    browser.quit()


@pytest.mark.parametrize("changes", [True, False], ids=["changes", "stays"])
def test_going_back_shows_a_page_again_only_while_the_cookie_stays(
    site: Site, changes: bool
) -> None:
    browser, url = site
    browser.visit(f"{url}/sign-in/alice")
    assert TOKENS["alice"] in browser.visit(url + PAGE).body
    browser.visit(f"{url}/sign-in/nobody" if changes else f"{url}/bearer/silent/no-store")
    assert (TOKENS["alice"] in browser.back().body) is not changes


def test_going_back_shows_what_a_script_wrote_into_a_document_that_may_be_stored(
    site: Site,
) -> None:
    browser, url = site
    browser.visit(f"{url}/sign-in/nobody")
    browser.visit(f"{url}/state/silent/plain?application")
    browser.driver.execute_async_script(SHOW_ANSWER, f"{url}/bearer/shown/no-store")
    browser.visit(f"{url}/bearer/silent/no-store")
    assert TOKENS["alice"] in browser.back().body


def test_a_script_may_keep_what_no_cache_may(site: Site) -> None:
    browser, url = site
    browser.visit(f"{url}/sign-in/alice")
    browser.driver.execute_async_script(KEEP, url + PAGE)
    browser.visit(f"{url}/sign-in/bob")
    assert TOKENS["alice"] in browser.driver.execute_async_script(READ_KEPT, url + PAGE)
    fetched = browser.fetch([Wanted("bob", url + PAGE, "force-cache")])["bob"]
    assert TOKENS["bob"] in fetched.body
