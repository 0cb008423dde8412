"""Serves the demo in a thread of the tests, which know its secrets, and opens its page."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import uvicorn
from selenium.common import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from starlette.applications import Starlette

from countermark.demo.asgi_app import create_app
from countermark.demo.people import PEOPLE
from tests.integration.browser import Browser
from tests.integration.servers import fetch, free_port


class Site:
    """The running demo.

    Attributes:
        app: The application.
        url: Its address.
    """

    def __init__(self, app: Starlette, url: str) -> None:
        self.app, self.url = app, url

    def reset(self) -> None:
        """Return to the mode in which the demo starts."""
        self.app.state.receiver.mode = "enforce"
        self.app.state.vendors.enforce(True)


@contextlib.contextmanager
def running_site() -> Iterator[Site]:
    """Run the demo until the block ends."""
    app, port = create_app(), free_port()
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield Site(app, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join(20)


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, at most 10 seconds."""
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within 10 seconds")


class Page:
    """The page of the demo in a browser."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self.driver: Any = browser.driver
        self._site = site

    def open(self, slug: str, user: str | None = None) -> None:
        """Open the page of a scheme as a user; None: as an anonymous one."""
        url = self._site.url
        self.driver.get(f"{url}/current-user")
        self.driver.delete_all_cookies()
        if user is not None:
            (number,) = [person.number for person in PEOPLE if person.name == user]
            answer = fetch(f"{url}/sign-in/{number}", "POST", {"Origin": url})
            name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
            self.driver.add_cookie({"name": name, "value": value})
        self.driver.get(f"{url}/?scheme={slug}")
        self.wait()

    def wait(self) -> None:
        """Wait until the script of the page has finished."""
        ready = "return 'ready' in document.documentElement.dataset"
        wait = WebDriverWait(self.driver, 10, 0.05, ignored_exceptions=[WebDriverException])
        wait.until(lambda driver: driver.execute_script(ready))

    def press(self, label: str) -> None:
        """Press a button that loads the page again, and wait for it."""
        self.click(label)
        self.wait()

    def click(self, label: str) -> None:
        """Press a button, and wait until another document has replaced this one."""
        before = self.driver.find_element(By.TAG_NAME, "html")
        path = f'//button[normalize-space()="{label}"]'
        self.driver.find_element(By.XPATH, path).click()
        WebDriverWait(self.driver, 10, 0.02).until(lambda driver: _is_gone(before))

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return str(self.driver.find_element(By.CSS_SELECTOR, selector).text)

    def rows(self, selector: str) -> list[list[str]]:
        """Return the texts of the cells of a table, without the first one of each row."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].map(row =>"
            " [...row.querySelectorAll('td')].map(cell => cell.textContent.trim()))"
        )
        found: list[list[str]] = self.driver.execute_script(script, f"{selector} tr")
        return found


def _is_gone(element: Any) -> bool:
    try:
        element.is_enabled()
    except WebDriverException:
        return True
    return False
