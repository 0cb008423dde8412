"""A background that begins and ends with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from countermark._background import Job
from countermark._background import _scheduler as background
from tests.core.background import LONG, background_threads


@pytest.fixture
def job_of() -> Iterator[Callable[..., Job]]:
    """Return a function that makes jobs, which are stopped when the test ends."""
    jobs: list[Job] = []

    def make(run: Callable[[], object], interval: float = 0.001, **options: bool) -> Job:
        jobs.append(Job(run, interval, name="countermark-test", **options))
        return jobs[-1]

    begin_again()
    yield make
    begin_again()


def begin_again() -> None:
    """End the thread, and begin as in a new process: other tests may have left jobs."""
    background.scheduler.finish()
    for thread in background_threads():
        thread.join(LONG)
    background.scheduler.begin_again()
