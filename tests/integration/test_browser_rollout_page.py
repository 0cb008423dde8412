"""The page of a rollout in a real browser: for eyes, keyboards, screen readers and printers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from countermark.rollout import DAY, Meter, Snapshot, as_html
from tests.integration.accessibility import barriers
from tests.integration.browser import Browser
from tests.integration.servers import fetch, free_port, python, running
from tests.rollout.verdicts import NOON, Clock, claim, unverified, verified

HOSTILE = "<script>document.title = 'hostile'</script><img src=x onerror=\"alert(1)\">"


@pytest.fixture(scope="module")
def site(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Yield the address of the page of a live meter."""
    need_binary("chromium")
    port = free_port()
    command = python(
        "-m", "uvicorn", "tests.integration.rollout_page_app:app", "--port", str(port),
        "--log-level", "warning",
    )  # fmt: skip
    with running(command, port, tmp_path_factory.mktemp("site") / "log") as url:
        yield url


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the addresses of files with pages of many kinds."""
    folder = tmp_path_factory.mktemp("pages")
    week = meter_of(8)
    hostile = week.snapshot().groups[0]._replace(scheme=HOSTILE, environment="x" * 300, tenant="y")
    snapshots = {
        "week": week.snapshot(),
        "month": meter_of(31).snapshot(30),
        "day": meter_of(1).snapshot(),
        "several": Snapshot(NOON, 7, (*week.snapshot().groups, hostile)),
        "empty": Snapshot(NOON, 7, ()),
    }
    for name, snapshot in snapshots.items():
        left = {group.group: 1_234 for group in snapshot.groups}
        (folder / f"{name}.html").write_text(as_html(snapshot, allowance_left=left), "utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in snapshots}


def meter_of(days: int) -> Meter:
    """Return a meter with a rollout that goes on for *days*, until 2027-01-15."""
    clock = Clock()
    meter = Meter(clock=clock)
    for back in range(days - 1, -1, -1):
        clock.now = NOON - back * DAY
        for number in range(40):
            role = "previous" if number < back else "current"
            meter(verified(f"user-{number}", role=role, origin="https://app.example"))
        for number in range(back):
            meter(unverified(f"late-{number}", code="expired"))
            meter(claim(f"claim-{number}"))
    return meter


def show(browser: Browser, url: str, width: int = 1_000, scheme: str = "light") -> Any:
    """Open a page in a window of this width, and return the driver."""
    driver = browser.driver
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    forget_logs(driver)
    driver.get(url)
    return driver


def forget_logs(driver: Any) -> None:
    for kind in ("browser", "performance"):
        driver.get_log(kind)


def entered(browser: Browser, site: str) -> Any:
    """Open the live page as a user who is signed in, and return the driver."""
    driver = show(browser, f"{site}/nothing")
    driver.get(f"{site}/rollout")  # a response without content keeps the page before it
    driver.add_cookie({"name": "user", "value": "admin"})
    forget_logs(driver)
    driver.get(f"{site}/rollout")
    return driver


def until(condition: Callable[[], object]) -> None:
    for _ in range(100):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within 5 seconds")


def text_of(driver: Any, selector: str) -> str:
    return str(
        driver.execute_script("return document.querySelector(arguments[0]).innerText", selector)
    )


@pytest.mark.parametrize("name", ["week", "month", "day", "several", "empty"])
@pytest.mark.parametrize(
    ("width", "scheme"), [(1_000, "light"), (1_000, "dark"), (360, "light")],
    ids=["light", "dark", "narrow"],
)  # fmt: skip
def test_axe_finds_no_barrier(
    browser: Browser, pages: dict[str, str], name: str, width: int, scheme: str
) -> None:
    driver = show(browser, pages[name], width, scheme)
    driver.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert barriers(driver) == []
    assert driver.get_log("browser") == []
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(21, 23, 26)" if scheme == "dark" else "rgb(252, 252, 250)")


@pytest.mark.parametrize("name", ["week", "month", "several", "empty"])
def test_a_window_of_320_pixels_needs_no_horizontal_scrolling(
    browser: Browser, pages: dict[str, str], name: str
) -> None:
    driver = show(browser, pages[name], 320)
    driver.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    whole, window = driver.execute_script(
        "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
    )
    assert whole == window <= 320
    beyond = driver.execute_script(
        "return [...document.querySelectorAll('main *')].filter(one => one.getClientRects().length"
        " && one.getBoundingClientRect().right > document.body.clientWidth - 4)"
        ".map(one => one.outerHTML)"
    )
    assert beyond == []


def test_a_file_makes_no_request_and_runs_no_script_of_a_name(
    browser: Browser, pages: dict[str, str]
) -> None:
    driver = show(browser, pages["several"])
    assert driver.title == "Not ready to enforce: countermark rollout"
    assert driver.find_elements(By.CSS_SELECTOR, "main img, script") == []
    assert HOSTILE in driver.find_element(By.TAG_NAME, "main").text
    assert [url for url in requested(driver) if not url.startswith(("file:", "data:"))] == []
    assert driver.get_log("browser") == []


def requested(driver: Any) -> list[str]:
    """Return the addresses of all requests since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def test_the_printed_page_shows_closed_tables_in_black_on_white(
    browser: Browser, pages: dict[str, str]
) -> None:
    driver = show(browser, pages["week"], scheme="dark")
    seen = (
        "return document.querySelector('details td').checkVisibility({contentVisibilityAuto: true})"
    )
    assert driver.execute_script(seen) is False
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    until(lambda: driver.execute_script(seen))
    colours = driver.execute_script(
        "const style = getComputedStyle(document.body); return [style.color, style.backgroundColor]"
    )
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]


def test_the_keyboard_reaches_all_controls_in_the_order_of_the_page(
    browser: Browser, pages: dict[str, str]
) -> None:
    driver = show(browser, pages["several"])
    reached = []
    for _ in range(4):
        ActionChains(driver).send_keys(Keys.TAB).perform()
        focused = driver.switch_to.active_element
        reached.append(focused.get_attribute("href") or focused.text)
        outline = focused.value_of_css_property("outline-style")
        assert outline == "solid"
    assert [each.rpartition("#")[2] for each in reached] == [
        "group-1", "group-2", "Table of the days", "Table of the days",
    ]  # fmt: skip
    ActionChains(driver).send_keys(Keys.ENTER).perform()
    assert driver.switch_to.active_element.find_element(By.XPATH, "..").get_attribute("open")
    driver.find_element(By.CSS_SELECTOR, "a[href='#group-2']").send_keys(Keys.ENTER)
    assert driver.execute_script("return document.activeElement.id") == "group-2"


def test_the_live_page_updates_itself_and_keeps_the_focus_and_open_tables(
    browser: Browser, site: str
) -> None:
    fetch(f"{site}/verified")
    driver = entered(browser, site)
    until(lambda: "Requests from" in text_of(driver, "main"))
    driver.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    before = text_of(driver, "dl div")
    fetch(f"{site}/missing")
    until(lambda: text_of(driver, "dl div") != before)
    assert driver.execute_script("return document.activeElement.tagName") == "SUMMARY"
    assert driver.find_element(By.TAG_NAME, "details").get_attribute("open")
    assert text_of(driver, "#updates") == "Updated every 0.3 s"
    assert {url.removeprefix(site) for url in requested(driver)} - {"/rollout"} == set()
    assert driver.get_log("browser") == []


def test_axe_finds_no_barrier_on_the_live_page(browser: Browser, site: str) -> None:
    driver = entered(browser, site)
    until(lambda: driver.find_element(By.ID, "pause").is_displayed())
    assert barriers(driver) == []


def test_the_live_page_can_be_paused_and_resumed(browser: Browser, site: str) -> None:
    fetch(f"{site}/verified")
    driver = entered(browser, site)
    ActionChains(driver).send_keys(Keys.TAB, Keys.ENTER).perform()
    assert text_of(driver, "#pause") == "Resume"
    assert text_of(driver, "#updates") == "Updates are paused"
    time.sleep(0.5)  # a request that was under way
    before = text_of(driver, "main")
    fetch(f"{site}/missing")
    time.sleep(1)
    assert text_of(driver, "main") == before
    ActionChains(driver).send_keys(Keys.SPACE).perform()
    until(lambda: text_of(driver, "main") != before)
    assert text_of(driver, "#pause") == "Pause"


def test_the_live_page_keeps_its_numbers_after_a_logout_and_says_so(
    browser: Browser, site: str
) -> None:
    fetch(f"{site}/verified")
    driver = entered(browser, site)
    before = text_of(driver, "h1")
    driver.delete_all_cookies()
    until(lambda: "you may have to sign in again" in text_of(driver, "#updates"))
    assert text_of(driver, "h1") == before
    driver.add_cookie({"name": "user", "value": "admin"})
    until(lambda: text_of(driver, "#updates") == "Updated every 0.3 s")
    driver.delete_all_cookies()
    driver.get(f"{site}/rollout")
    assert "You may not read this page." in driver.page_source
