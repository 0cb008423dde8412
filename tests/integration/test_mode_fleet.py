"""A fleet of workers follows the mode that the command sets."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from countermark.cli import main
from countermark.redis import RedisStore
from countermark.rollout import mode_history
from tests.integration.mode_fleet import CHOSEN, ENVIRONMENT, OTHER, WORKERS
from tests.integration.redis_server import RedisServer

# Several times the three seconds that the page promises, for a machine with other work.
LIMIT = 15.0


class Fleet:
    """The records of the running workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def modes(self, worker: int, principal: str) -> list[tuple[float, str]]:
        """Return when the verdicts on a principal had another mode than before, and which."""
        path = self.folder / str(worker)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        rows = [line.split() for line in lines]
        return [(float(row[0]), row[2]) for row in rows if row[1:2] == [principal]]

    def wait_for(self, principal: str, mode: str) -> float:
        """Wait until all workers have that mode for a principal; return when the last one had."""
        ends = time.monotonic() + LIMIT
        while time.monotonic() < ends:
            last = [self.modes(worker, principal)[-1:] for worker in range(WORKERS)]
            if all(row and row[0][1] == mode for row in last):
                return max(row[0][0] for row in last)
            time.sleep(0.02)
        raise AssertionError(f"not all workers have followed: {last}")


@pytest.fixture
def fleet(redis_server: RedisServer, tmp_path: Path) -> Iterator[Callable[[], Fleet]]:
    """Return a function that starts the workers, which end after the test."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> Fleet:
        command = [
            sys.executable,
            "-m",
            "tests.integration.mode_fleet",
            redis_server.url,
            str(folder),
        ]
        processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return Fleet(folder)

    yield start
    (folder / "stop").touch()
    assert [process.wait(30) for process in processes] == [0]


def put(server: RedisServer, *arguments: str) -> float:
    """Set a mode by the command; return when it was set."""
    command = ["mode", "set", "stigg", *arguments, "--environment", ENVIRONMENT]
    assert main([*command, "--redis", server.url, "--by", "ann"]) == 0
    (change,) = mode_history(RedisStore(server.url), "stigg", environment=ENVIRONMENT, most=1)
    return change.at


def test_eight_workers_under_load_follow_each_change_and_no_other(
    redis_server: RedisServer, fleet: Callable[[], Fleet]
) -> None:
    put(redis_server, "monitor")
    workers = fleet()
    workers.wait_for(OTHER, "monitor")
    delays = []
    at = put(redis_server, "enforce", "--percent", "50")
    delays.append(workers.wait_for(CHOSEN, "enforce") - at)
    at = put(redis_server, "enforce")
    delays.append(workers.wait_for(OTHER, "enforce") - at)
    redis_server.kill()
    time.sleep(1)
    redis_server.start()
    at = put(redis_server, "monitor", "--reason", "it broke the old client")
    delays.append(workers.wait_for(CHOSEN, "monitor") - at)
    (workers.folder / "stop").touch()
    assert max(delays) < LIMIT

    for worker in range(WORKERS):
        assert [mode for _, mode in workers.modes(worker, CHOSEN)] == [
            "monitor", "enforce", "monitor",
        ]  # fmt: skip
        others = workers.modes(worker, OTHER)
        assert [mode for _, mode in others] == ["monitor", "enforce", "monitor"]
        assert all(one < two for (one, _), (two, _) in pairwise(others))
