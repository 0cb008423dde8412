"""The jobs that run in the background of a process."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from countermark._background import Job
from tests.core.background import LONG, Runs, background_threads


def test_a_job_runs_again_and_again_in_a_daemon_thread(job_of: Callable[..., Job]) -> None:
    runs = Runs()
    job_of(runs).start()
    runs.wait_for(3)
    assert runs.threads == {"countermark-background"}
    assert [thread.daemon for thread in background_threads()] == [True]


def test_all_jobs_share_one_thread(job_of: Callable[..., Job]) -> None:
    several = [Runs() for _ in range(20)]
    for runs in several:
        job_of(runs).start()
    for runs in several:
        runs.wait_for(2)
    assert len(background_threads()) == 1


def test_a_job_that_was_not_started_needs_no_thread(job_of: Callable[..., Job]) -> None:
    job = job_of(Runs())
    job.stop()
    assert not job.started
    assert background_threads() == []
    assert repr(job) == "<Job countermark-test>"


def test_a_job_rests_after_it_returned_false_until_it_is_started(
    job_of: Callable[..., Job],
) -> None:
    runs, other = Runs(lambda number: False), Runs()
    job = job_of(runs)
    job.start()
    runs.wait_for(1)
    job_of(other).start()
    other.wait_for(5)
    assert runs.number == 1
    assert not job.started
    job.start()
    runs.wait_for(2)


def test_a_start_during_a_run_that_returns_false_is_not_lost(job_of: Callable[..., Job]) -> None:
    jobs: list[Job] = []

    def answer(number: int) -> bool:
        if number == 1:
            jobs[0].start()
        return False

    runs = Runs(answer)
    jobs.append(job_of(runs))
    jobs[0].start()
    runs.wait_for(2)


def test_a_stopped_job_runs_no_more(job_of: Callable[..., Job]) -> None:
    runs, other = Runs(), Runs()
    job = job_of(runs)
    job.start()
    runs.wait_for(1)
    job.start()
    job.stop()
    job_of(other).start()
    other.wait_for(3)  # a run that had begun is over
    before = runs.number
    other.wait_for(other.number + 3)
    assert runs.number == before
    assert not job.started


def test_a_job_may_stop_itself(job_of: Callable[..., Job]) -> None:
    jobs: list[Job] = []
    runs, other = Runs(lambda number: jobs[0].stop()), Runs()
    jobs.append(job_of(runs))
    jobs[0].start()
    runs.wait_for(1)
    job_of(other).start()
    other.wait_for(5)
    assert runs.number == 1


def test_a_job_can_be_woken_before_it_is_due(job_of: Callable[..., Job]) -> None:
    runs = Runs()
    job = job_of(runs, interval=3600)
    job.start()
    job.wake()
    runs.wait_for(1)


def test_a_slow_job_does_not_keep_the_others_waiting(job_of: Callable[..., Job]) -> None:
    released = threading.Event()
    slow, quick = Runs(lambda number: released.wait(LONG)), Runs()
    job_of(slow, slow=True).start()
    slow.wait_for(1)
    job_of(quick).start()
    quick.wait_for(3)
    assert slow.number == 1
    released.set()
    slow.wait_for(3)
    assert slow.threads == {"countermark-test"}


def test_the_thread_ends_with_the_last_job(job_of: Callable[..., Job]) -> None:
    runs = Runs(lambda number: False)
    job_of(runs).start()
    runs.wait_for(1)
    for thread in background_threads():
        thread.join(LONG)
    assert not background_threads()


def test_an_error_is_reported_once_until_a_run_succeeds(
    job_of: Callable[..., Job], caplog: pytest.LogCaptureFixture
) -> None:
    def answer(number: int) -> None:
        if number in {1, 2, 4}:
            raise ValueError(number)

    runs = Runs(answer)
    job_of(runs).start()
    runs.wait_for(6)
    reasons = [getattr(record, "countermark_reason", "") for record in caplog.records]
    assert reasons == ["background_raised", "background_raised"]
