"""A real Chromium for the tests of browser caches, and the servers it reads from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.integration.servers import free_port, python, running

KINDS = ("asgi", "wsgi", "django")

#: Runs in a page: makes all requests, six at a time, and hands back what scripts can see.
_FETCH = """
const [requests, done] = arguments;
const seen = {};
async function read({key, url, cache, headers}) {
  try {
    const answer = await fetch(url, {cache, headers, mode: "same-origin"});
    const names = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
    seen[key] = [answer.status, names.join("\\n"), await answer.text()];
  } catch (error) {
    seen[key] = [0, "", String(error)];
  }
}
const waiting = requests.slice();
async function worker() {
  while (waiting.length) await read(waiting.shift());
}
Promise.all([1, 2, 3, 4, 5, 6].map(worker)).then(() => done(seen));
"""


class Seen(NamedTuple):
    """What a script or a reader sees of a response; status 0: the fetch failed."""

    status: int
    headers: str
    body: str

    def has(self, token: str) -> bool:
        return token in self.headers or token in self.body


class Wanted(NamedTuple):
    """A request that a script makes."""

    key: str
    url: str
    cache: str = "default"
    headers: Mapping[str, str] = {}


class Browser:
    """One profile of Chromium, with its cache on.

    Args:
        binaries: The paths of the browser and of its driver.
        profile: An empty directory.
        keeps_pages: Whether the back/forward cache is on, as by default.
        logs: Whether the driver keeps the messages of the console and all requests.
    """

    def __init__(
        self, binaries: tuple[str, str], profile: Path, *, keeps_pages: bool, logs: bool = False
    ) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = binaries[0]
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={profile}",
            *(() if keeps_pages else ("--disable-features=BackForwardCache",)),
        ):  # fmt: skip
            options.add_argument(argument)
        if logs:
            options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, Service(binaries[1]))
        self.driver.set_script_timeout(60)

    def quit(self) -> None:
        self.driver.quit()

    def fetch(self, wanted: Iterable[Wanted]) -> dict[str, Seen]:
        """Make requests from the current page, and return what its script sees, by key."""
        requests = [{**one._asdict(), "headers": dict(one.headers)} for one in wanted]
        found: dict[str, Any] = self.driver.execute_async_script(_FETCH, requests)
        return {key: Seen(*seen) for key, seen in found.items()}

    def visit(self, url: str) -> Seen:
        """Navigate to *url* and return what the page shows."""
        self.driver.get(url)
        return self.shown()

    def back(self) -> Seen:
        self.driver.back()
        return self.shown()

    def forward(self) -> Seen:
        self.driver.forward()
        return self.shown()

    def shown(self) -> Seen:
        return Seen(200, "", self.driver.page_source)

    @property
    def was_kept(self) -> bool:
        """Whether the current page came whole from the back/forward cache."""
        found: bool = self.driver.execute_script("return window.marked === true")
        return found

    def mark(self) -> None:
        """Mark the current page, so that it can be told from a page that is loaded again."""
        self.driver.execute_script("window.marked = true")


@contextlib.contextmanager
def serving(kind: str, directory: Path) -> Iterator[str]:
    """Serve the pages with one kind of application; yields the address."""
    port = free_port()
    app = f"tests.integration.browser_{kind}:app"
    if kind in {"asgi", "follow"}:
        command = python("-m", "uvicorn", app, "--port", str(port), "--log-level", "warning")
    else:
        command = python(
            "-m", "gunicorn", app, "-k", "gthread", "--threads", "8", "-b", f"127.0.0.1:{port}",
            "--log-level", "warning",
        )  # fmt: skip
    with running(command, port, directory / f"{kind}.log") as url:
        yield url
