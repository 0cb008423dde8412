"""Faults of one Redis server and of the way to it, with eight workers that use it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.integration import faults
from tests.integration.fault_run import (
    Outcome,
    check_that_nothing_is_lost,
    check_what_is_never_lost,
    run_through,
)
from tests.integration.faults import Site
from tests.integration.fleet import Fleet
from tests.integration.redis_server import RedisServer
from tests.integration.tcp_proxy import TcpProxy


def through(fault: Callable[[Site, Fleet], None], site: Site, folder: Path) -> Outcome:
    url = f"redis://127.0.0.1:{site.proxy.port}/0"
    return run_through(url, folder, partial(fault, site), reader=site.server.url)


@pytest.mark.parametrize(
    "fault", [faults.kill, faults.fill, faults.block, faults.drop, faults.lose_answers]
)
def test_a_fault_of_redis_opens_nothing_and_loses_no_count(
    fault: Callable[[Site, Fleet], None],
    redis_server: RedisServer,
    proxy: TcpProxy,
    tmp_path: Path,
) -> None:
    outcome = through(fault, Site(redis_server, proxy), tmp_path)
    check_that_nothing_is_lost(outcome)
    assert outcome.answers.unavailable_since(outcome.began) > 0


def test_killed_workers_open_nothing_and_lose_the_counts_since_the_last_write(
    redis_server: RedisServer, proxy: TcpProxy, tmp_path: Path
) -> None:
    """They are killed while Redis is away, so that their successors begin without it."""
    outcome = through(faults.kill_workers_and_server, Site(redis_server, proxy), tmp_path)
    check_what_is_never_lost(outcome)
    # At most one request of each worker was answered and not noted.
    assert outcome.lost_places <= len(outcome.answers.unanswered) + 8
    assert outcome.lost_counts >= -8, "something was counted twice"
