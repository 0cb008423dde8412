"""Faults of one Redis server and of the way to it, with eight workers that use it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.integration.fault_run import ALLOWED, Outcome, busy, run_through
from tests.integration.fleet import Fleet
from tests.integration.redis_server import RedisServer
from tests.integration.tcp_proxy import TcpProxy

LASTS = 0.7


def kill(server: RedisServer, proxy: TcpProxy, fleet: Fleet) -> None:
    server.kill()
    time.sleep(LASTS)
    server.start()


def freeze(server: RedisServer, proxy: TcpProxy, fleet: Fleet) -> None:
    server.freeze()
    time.sleep(LASTS)
    server.thaw()


def fill(server: RedisServer, proxy: TcpProxy, fleet: Fleet) -> None:
    """Let Redis refuse writes, as it does at its ``maxmemory`` with ``noeviction``."""
    server.client().config_set("maxmemory", "1")
    time.sleep(LASTS)
    server.client().config_set("maxmemory", "0")


def run_a_slow_script(server: RedisServer, proxy: TcpProxy, fleet: Fleet) -> None:
    with busy(server, LASTS):
        pass


def drop(server: RedisServer, proxy: TcpProxy, fleet: Fleet) -> None:
    proxy.drop()
    time.sleep(LASTS)
    proxy.resume()


def stall(server: RedisServer, proxy: TcpProxy, fleet: Fleet) -> None:
    proxy.stall()
    time.sleep(LASTS)
    proxy.resume()


def lose_answers(server: RedisServer, proxy: TcpProxy, fleet: Fleet) -> None:
    proxy.lose_answers()
    time.sleep(LASTS)
    proxy.resume()


def kill_workers(server: RedisServer, proxy: TcpProxy, fleet: Fleet) -> None:
    """Kill each worker once, as ``kill -9`` does."""
    for process in fleet.pids():
        time.sleep(LASTS / 8)
        fleet.kill_worker(process)


FAULTS = [kill, freeze, fill, run_a_slow_script, drop, stall, lose_answers]


def through(
    fault: Callable[[RedisServer, TcpProxy, Fleet], None],
    server: RedisServer,
    proxy: TcpProxy,
    folder: Path,
) -> Outcome:
    url = f"redis://127.0.0.1:{proxy.port}/0"
    return run_through(url, folder, partial(fault, server, proxy), reader=server.url)


def check_what_is_never_lost(outcome: Outcome) -> None:
    answers = outcome.answers
    assert len(answers.admitted) <= ALLOWED
    assert outcome.left == 0
    assert not answers.taken_back
    assert answers.forged_passed == answers.valid_refused == 0
    assert max(answers.handled.values()) == 1, "a delivery was handled twice"
    assert answers.delivered <= answers.handled.keys()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_redis_opens_nothing_and_loses_no_count(
    fault: Callable[[RedisServer, TcpProxy, Fleet], None],
    redis_server: RedisServer,
    proxy: TcpProxy,
    tmp_path: Path,
) -> None:
    outcome = through(fault, redis_server, proxy, tmp_path)
    check_what_is_never_lost(outcome)
    assert outcome.lost_counts == 0
    assert outcome.lost_places <= len(outcome.answers.unanswered)
    assert outcome.answers.unavailable_since(outcome.began) > 0


def test_killed_workers_open_nothing_and_lose_the_counts_since_the_last_write(
    redis_server: RedisServer, proxy: TcpProxy, tmp_path: Path
) -> None:
    outcome = through(kill_workers, redis_server, proxy, tmp_path)
    check_what_is_never_lost(outcome)
    # At most one request of each worker was counted and not noted.
    assert outcome.lost_places <= len(outcome.answers.unanswered) + 8
    assert outcome.lost_counts >= -8, "something was counted twice"
