"""Jobs that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from countermark._background import Job


@pytest.fixture
def job_of() -> Iterator[Callable[..., Job]]:
    """Return a function that makes jobs, which are stopped when the test ends."""
    jobs: list[Job] = []

    def make(run: Callable[[], object], interval: float = 0.001, **options: bool) -> Job:
        jobs.append(Job(run, interval, name="countermark-test", **options))
        return jobs[-1]

    yield make
    for job in jobs:
        job.stop()
