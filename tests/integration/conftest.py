"""Real servers that several files of tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.browser import Browser
from tests.integration.demo_site import Site, running_site
from tests.integration.redis_server import RedisServer


@pytest.fixture
def redis_server(need_binary: Callable[[str], str], tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server with nothing in it, for one test."""
    server = RedisServer(need_binary("redis-server"), tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def demo_site() -> Iterator[Site]:
    """The running demo, in this process."""
    with running_site() as site:
        yield site


@pytest.fixture(scope="module")
def browser(
    need_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A browser that keeps no page after it was left, and logs what pages print."""
    binaries = need_binary("chromium"), need_binary("chromedriver")
    profile = tmp_path_factory.mktemp("browser") / "profile"
    browser = Browser(binaries, profile, keeps_pages=False, logs=True)
    yield browser
    browser.quit()
