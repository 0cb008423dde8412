"""Real servers that several files of tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.redis_server import RedisServer


@pytest.fixture
def redis_server(need_binary: Callable[[str], str], tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server with nothing in it, for one test."""
    server = RedisServer(need_binary("redis-server"), tmp_path)
    server.start()
    yield server
    server.kill()
