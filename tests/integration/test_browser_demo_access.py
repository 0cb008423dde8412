"""The page of the demo for all eyes, keyboards and screens."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.integration.accessibility import barriers
from tests.integration.browser import Browser
from tests.integration.demo_site import Page, Site
from tests.integration.servers import ROOT

LIGHT, DARK = "light", "dark"
#: The scheme, the user and the button of each page that is checked.
PAGES = {
    "anonymous": ("stigg", None, None),
    "hash": ("canny-hash", "Ben Okafor", "The end is cut off"),
    "jwt": ("sigma", "Ada Moreno", "The token itself"),
    "refused": ("smile-io", "Cleo Lind", None),
    "unverifiable": ("looker", "Ada Moreno", None),
}


def show(browser: Browser, site: Site, name: str) -> Any:
    """Open a page, and return the driver."""
    slug, user, button = PAGES[name]
    page = Page(browser, site)
    page.open(slug, user)
    if button is not None:
        page.press(button)
    return browser.driver


def look(driver: Any, width: int, scheme: str = LIGHT) -> None:
    """Change the width of the window, and the colours."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_barrier_and_a_narrow_window_needs_no_horizontal_scrolling(
    browser: Browser, demo_site: Site, name: str
) -> None:
    driver = show(browser, demo_site, name)
    driver.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    backgrounds = []
    for width, scheme in ((1_000, LIGHT), (360, DARK)):
        look(driver, width, scheme)
        assert barriers(driver) == []
        colour = "return getComputedStyle(document.body).backgroundColor"
        backgrounds.append(driver.execute_script(colour))
    assert backgrounds == ["rgb(252, 252, 250)", "rgb(21, 23, 26)"]
    look(driver, 320)
    whole, window = driver.execute_script(
        "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
    )
    assert whole == window <= 320


def test_the_headings_are_in_order(browser: Browser, demo_site: Site) -> None:
    driver = show(browser, demo_site, "hash")
    levels = driver.execute_script(
        "return [...document.querySelectorAll('h1, h2, h3, h4')].map(one => +one.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_focus_is_visible_on_each_control(browser: Browser, demo_site: Site) -> None:
    driver = show(browser, demo_site, "anonymous")
    look(driver, 1_000)
    reached = []
    for _ in range(9):
        ActionChains(driver).send_keys(Keys.TAB).perform()
        focused = driver.switch_to.active_element
        assert focused.value_of_css_property("outline-style") != "none"
        assert focused.is_displayed()
        reached.append(focused.get_attribute("id") or focused.text)
    assert reached == [
        "Skip to the page", "countermark", "Ada Moreno", "Ben Okafor", "Cleo Lind", "Signed out",
        "scheme", "Show", "Sign in as Ada Moreno",
    ]  # fmt: skip


def test_the_link_at_the_top_skips_to_the_page(browser: Browser, demo_site: Site) -> None:
    driver = show(browser, demo_site, "anonymous")
    ActionChains(driver).send_keys(Keys.TAB, Keys.ENTER, Keys.TAB).perform()
    assert driver.switch_to.active_element.get_attribute("id") == "scheme"


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_the_screenshots_are_small_enough_for_the_readme(colours: str) -> None:
    picture = (ROOT / f"docs/images/demo-{colours}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000
