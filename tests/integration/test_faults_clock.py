"""Clocks that jump by an hour: those of the eight workers, and that of Redis."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.fault_run import check_what_is_never_lost, run_through
from tests.integration.fleet import Fleet
from tests.integration.redis_server import RedisServer
from tests.integration.stepped_clock import SteppedClock

HOUR = 3600
#: Arguments of stores that wait on a busy machine too, as nothing fails here.
PATIENT = {"timeout": 20}


@pytest.fixture
def clock(tmp_path: Path) -> SteppedClock:
    return SteppedClock(tmp_path / "clock")


@pytest.fixture
def stepped_server(
    valkey_binary: str, clock: SteppedClock, tmp_path: Path
) -> Iterator[RedisServer]:
    """A server with that clock. It is Valkey, as libfaketime fails with Redis's jemalloc."""
    libraries = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
    if not libraries:
        fail_or_skip: Any = pytest.fail if os.environ.get("CI") else pytest.skip
        fail_or_skip("faketime is not installed")
    folder = tmp_path / "stepped"
    folder.mkdir()
    server = RedisServer(valkey_binary, folder, environment=clock.environment(libraries[0]))
    server.start()
    yield server
    server.kill()


def step_both_ways(clock: SteppedClock) -> None:
    for seconds in (HOUR, -HOUR, 0):
        clock.step(seconds)
        time.sleep(0.5)


def test_clocks_of_workers_that_jump_lose_nothing(
    redis_server: RedisServer, clock: SteppedClock, tmp_path: Path
) -> None:
    outcome = run_through(
        redis_server.url,
        tmp_path,
        lambda fleet: step_both_ways(clock),
        clock=clock.file,
        store=PATIENT,
    )
    check_what_is_never_lost(outcome)
    assert (outcome.lost_counts, outcome.lost_places) == (0, 0)
    assert outcome.answers.unavailable_since(0) == 0


def test_a_clock_of_redis_that_jumps_loses_no_count_and_no_place(
    stepped_server: RedisServer, clock: SteppedClock, tmp_path: Path
) -> None:
    jumps: list[int] = []

    def step(fleet: Fleet) -> None:
        client: Any = stepped_server.client()
        for seconds in (HOUR, -HOUR, 0):
            clock.step(seconds)
            time.sleep(0.5)
            jumps.append(round((client.time()[0] - time.time()) / HOUR))

    outcome = run_through(stepped_server.url, tmp_path, step, store=PATIENT)
    assert jumps == [1, -1, 0]
    # Twice the clock jumps ahead, and the claim of a delivery that is being handled expires.
    check_what_is_never_lost(outcome, most_handled=3)
    assert (outcome.lost_counts, outcome.lost_places) == (0, 0)
