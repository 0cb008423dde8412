"""Work in the background of real servers, which fork, spawn and end their workers in many ways."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from tests.integration.servers import ROOT, fetch, free_port, python, running

APP = "tests.integration.background_app"
ADDRESS = "127.0.0.1:{port}"
GUNICORN = ("-m", "gunicorn", f"{APP}:wsgi_app", "--preload", "-b", ADDRESS)
COMMANDS = {
    "gunicorn": (*GUNICORN, "--workers", "2"),
    # One worker: with gevent, one that gets no request ends after 30 seconds only. One of granian
    # that is not ready yet ignores SIGTERM.
    "gunicorn with gevent": (*GUNICORN, "-k", "gevent"),
    "uvicorn with workers": (
        "-m", "uvicorn", f"{APP}:asgi_app", "--workers", "2", "--port", "{port}"
    ),
    "hypercorn on trio": ("-m", "hypercorn", "-k", "trio", "-b", ADDRESS, f"{APP}:asgi_app"),
    "granian": (
        "-m", "granian", "--interface", "wsgi", "--port", "{port}", f"{APP}:wsgi_app"
    ),
    "uwsgi": (
        "--http-socket", ADDRESS, "--module", f"{APP}:wsgi_app", "--master",
        "--processes", "2", "--die-on-term",
    ),
}  # fmt: skip
# Seconds that no server needs, unless it fails.
LONG = 30


class Ended(NamedTuple):
    """The behaviour of a server until it ended.

    Attributes:
        threads: The numbers of threads for the background that were seen in each worker.
        runs: The least number of runs of a job in each worker.
        last: The ids of the workers that made their last run.
    """

    threads: dict[str, set[int]]
    runs: dict[str, int]
    last: list[str]


Seen: TypeAlias = tuple[dict[str, set[int]], dict[str, int]]


def use(url: str) -> Seen:
    """Make requests until jobs have run several times in each worker that responds."""
    threads: dict[str, set[int]] = {}
    runs: dict[str, int] = {}
    deadline = time.monotonic() + LONG
    while time.monotonic() < deadline:
        for _ in range(10):
            worker, count, least = fetch(url).body.decode().split()
            threads.setdefault(worker, set()).add(int(count))
            runs[worker] = int(least)
        if min(runs.values()) >= 3:
            break
        time.sleep(0.02)
    return threads, runs


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Return what each server did. All run at the same time, which is faster."""
    folder: Path = tmp_path_factory.mktemp("servers")
    last = folder / "last"

    def serve(name: str) -> Seen:
        port = free_port()
        command = python(*(part.format(port=port) for part in COMMANDS[name]))
        if name == "uwsgi":
            command = [str(Path(sys.executable).with_name("uwsgi")), *command[1:]]
        with running(command, port, folder / name) as url:  # stops it by SIGTERM
            return use(url)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(COMMANDS)) as pool:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("LAST_RUNS_OF_TEST", str(last))
        seen = dict(zip(COMMANDS, pool.map(serve, COMMANDS), strict=True))
    written = last.read_text().split()
    return {
        name: Ended(threads, runs, [worker for worker in written if worker in threads])
        for name, (threads, runs) in seen.items()
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_jobs_run_in_one_thread_of_each_worker(name: str, ended: dict[str, Ended]) -> None:
    # The first request of a worker starts the thread.
    assert ended[name].threads == {worker: {1} for worker in ended[name].threads}
    assert min(ended[name].runs.values()) >= 3


@pytest.mark.parametrize("name", COMMANDS)
def test_jobs_run_a_last_time_in_each_worker_after_sigterm(
    name: str, ended: dict[str, Ended]
) -> None:
    assert sorted(ended[name].last) == sorted(ended[name].threads)
