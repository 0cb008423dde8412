"""The thread of the background where something else goes wrong: users' functions, limits, uWSGI."""

from __future__ import annotations

import logging
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from countermark._background import Job, flush
from countermark._background import _scheduler as background
from tests.core.background import LONG, Runs, background_threads

JobOf = Callable[..., Job]


def reasons(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (getattr(record, "countermark_reason", ""), getattr(record, "countermark_error", ""))
        for record in caplog.records
    ]


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_function_that_ends_the_interpreter_ends_neither_the_thread_nor_its_job(
    error: type[BaseException], slow: bool, job_of: JobOf, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(number: int) -> None:
        raise error

    ending, other = Runs(answer), Runs()
    job_of(ending, slow=slow).start()
    job_of(other).start()
    ending.wait_for(3)
    other.wait_for(3)
    assert reasons(caplog) == [("background_raised", error.__name__)]


def test_a_filter_of_the_log_that_raises_does_not_end_the_thread(
    job_of: JobOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise ValueError

    monkeypatch.setattr(logging.getLogger("countermark"), "filters", [refuse])

    def answer(number: int) -> None:
        raise OSError

    runs = Runs(answer)
    job_of(runs).start()
    runs.wait_for(3)


class TestThreadsThatTheSystemRefuses:
    @pytest.fixture
    def refused(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            yield patch

    def test_are_tried_again_a_second_later(
        self,
        refused: pytest.MonkeyPatch,
        monkeypatch: pytest.MonkeyPatch,
        job_of: JobOf,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        now = [100.0]
        monkeypatch.setattr("countermark._background._scheduler.time.monotonic", lambda: now[0])
        first, second = job_of(runs := Runs()), job_of(others := Runs())
        assert not first.start()
        assert (first.started, second.started) == (False, False)
        now[0] += 1
        assert not first.wake()
        refused.undo()
        assert not second.wake()
        second.start()
        assert not second.started
        assert background_threads() == []
        now[0] += 1
        assert second.start()
        assert second.started
        now[0] += 1
        assert second.wake()
        others.wait_for(1)
        runs.wait_for(1)
        assert reasons(caplog) == [("no_thread", "RuntimeError")]

    def test_leave_no_job_that_another_thread_starts_meanwhile(
        self, refused: pytest.MonkeyPatch, job_of: JobOf
    ) -> None:
        scheduler, other = background.scheduler, job_of(Runs())
        take_requests = scheduler._take_requests

        def take_requests_and_start_another() -> None:
            take_requests()
            if not other.started:
                refused.setattr(scheduler, "_take_requests", take_requests)
                other.started = True
                scheduler._requests.append(background._Request(other, 0.0))

        refused.setattr(scheduler, "_take_requests", take_requests_and_start_another)
        job_of(Runs()).start()
        assert not other.started

    def test_are_not_counted_on_by_others_before_they_are_there(
        self, job_of: JobOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = job_of(Runs()), job_of(Runs())
        answers = []

        def refuse(thread: threading.Thread) -> None:
            answers.append(second.start())
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert not first.start()
        assert answers == [False]

    def test_do_not_end_a_slow_job(
        self,
        job_of: JobOf,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        quick, slow = Runs(), Runs()
        job_of(quick).start()
        quick.wait_for(1)

        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't create new thread at interpreter shutdown")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            job_of(slow, slow=True).start()
            quick.wait_for(quick.number + 10)
            assert slow.number == 0
        slow.wait_for(1)
        assert reasons(caplog) == [("background_raised", "RuntimeError")]


@pytest.mark.parametrize("slow", [False, True])
def test_a_copy_of_the_thread_in_a_child_of_gevent_halts(
    slow: bool, job_of: JobOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    halted = threading.Event()
    scheduler = background.scheduler
    of_parent: dict[str, Any] = {}

    def sleep(seconds: float) -> None:
        vars(scheduler).update(of_parent)
        halted.set()

    monkeypatch.setattr("countermark._background._scheduler.time.sleep", sleep)

    def answer(number: int) -> bool:
        of_parent.update(vars(scheduler))
        scheduler.begin_again()  # as in the child
        return False

    job = job_of(Runs(answer), slow=slow)
    job.start()
    assert halted.wait(LONG)
    assert not job.started


class TestUwsgi:
    @staticmethod
    def module(*, worker: int = 0, mule: int = 0, spooler: int = 0, threads: int = 1) -> Any:
        return types.SimpleNamespace(
            worker_id=lambda: worker,
            mule_id=lambda: mule,
            i_am_the_spooler=lambda: spooler,
            has_threads=threads,
        )

    def test_a_job_does_not_begin_before_the_fork(
        self, job_of: JobOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "uwsgi", self.module())
        job = job_of(Runs())
        assert not job.start()
        assert not job.started
        assert background_threads() == []

    @pytest.mark.parametrize("place", ["worker", "mule", "spooler"])
    def test_a_job_begins_in_each_process(
        self, place: str, job_of: JobOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = self.module(**{place: 1})
        monkeypatch.setitem(sys.modules, "uwsgi", module)
        runs = Runs()
        job_of(runs).start()
        runs.wait_for(1)

    def test_without_threads_between_requests_there_is_one_event(
        self, job_of: JobOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        module = self.module(worker=1, threads=0)
        monkeypatch.setitem(sys.modules, "uwsgi", module)
        for _ in range(3):
            runs = Runs(lambda number: False)
            job_of(runs).start()
            runs.wait_for(1)
            for thread in background_threads():
                thread.join(LONG)
        assert reasons(caplog) == [("no_thread", "enable-threads")]

    def test_a_module_of_the_application_with_that_name_is_ignored(
        self, job_of: JobOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setitem(sys.modules, "uwsgi", types.ModuleType("uwsgi"))
        runs = Runs()
        job_of(runs).start()
        runs.wait_for(1)
        assert reasons(caplog) == []


def test_a_request_while_the_thread_ends_is_not_lost(
    job_of: JobOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = background.scheduler
    late = Runs(lambda number: False)
    requests = [background._Request(job_of(late), 0.0)]

    class Lock:
        def __init__(self) -> None:
            self._lock = threading.Lock()
            self.acquire, self.locked = self._lock.acquire, self._lock.locked

        def release(self) -> None:
            scheduler._requests.extend(requests)
            requests.clear()
            self._lock.release()

    monkeypatch.setattr(scheduler, "_alive", Lock())
    job_of(Runs(lambda number: False)).start()
    late.wait_for(1)
    for thread in background_threads():
        thread.join(LONG)


class TestTheEnd:
    def test_a_flush_runs_jobs_that_run_at_exit_and_stops_nothing(self, job_of: JobOf) -> None:
        last, other = Runs(), Runs()
        jobs = [job_of(last, 3600, at_exit=True), job_of(other, 3600)]
        for job in jobs:
            job.start()
        for times in (1, 2):
            flush()
            assert (last.number, other.number) == (times, 0)
        flush()
        jobs[1].wake()
        other.wait_for(1)

    def test_a_flush_without_a_thread_does_nothing(self, job_of: JobOf) -> None:
        flush()
        runs = Runs(lambda number: False)
        job_of(runs).start()
        runs.wait_for(1)
        for thread in background_threads():
            thread.join(LONG)
        flush()
        assert runs.number == 1

    def test_a_job_rests_after_a_flush_if_it_has_nothing_left_to_do(self, job_of: JobOf) -> None:
        job = job_of(Runs(lambda number: False), 3600, at_exit=True)
        job.start()
        flush()
        for thread in background_threads():
            thread.join(LONG)
        assert not job.started

    def test_a_run_that_hangs_is_waited_for_once(
        self, job_of: JobOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        joined: list[float | None] = []
        join = threading.Thread.join

        def noting(thread: threading.Thread, timeout: float | None = None) -> None:
            joined.append(timeout)
            join(thread, timeout)

        monkeypatch.setattr(threading.Thread, "join", noting)
        monkeypatch.setattr(background, "LAST_SECONDS", 0.05)
        released = threading.Event()
        runs = Runs(lambda number: released.wait(LONG))
        job_of(runs, at_exit=True).start()
        runs.wait_for(1)
        flush()
        flush()
        background.scheduler.finish()
        assert joined == [0]
        released.set()

    def test_all_jobs_end_after_a_last_run(self, job_of: JobOf) -> None:
        last, other = Runs(), Runs()
        jobs = [job_of(last, 3600, at_exit=True), job_of(other, 3600)]
        for job in jobs:
            job.start()
        background.scheduler.finish()
        assert (last.number, other.number) == (1, 0)
        assert [job.started for job in jobs] == [False, False]
        assert background_threads() == []

    def test_a_slow_run_is_not_waited_for_and_does_not_continue_the_job(
        self, job_of: JobOf
    ) -> None:
        released = threading.Event()
        runs = Runs(lambda number: released.wait(LONG))
        job = job_of(runs, slow=True, at_exit=True)
        job.start()
        runs.wait_for(1)
        job.start()  # due, while it runs
        flush()
        background.scheduler.finish()
        assert background_threads() == []
        assert runs.number == 1
        assert not job.started
        released.set()

    def test_it_may_come_in_a_run(self, job_of: JobOf) -> None:
        # uWSGI handles a signal in any thread.
        runs = Runs(lambda number: background.scheduler.finish())
        job_of(runs).start()
        runs.wait_for(1)
        for thread in background_threads():
            thread.join(LONG)
        assert background_threads() == []

    def test_it_also_comes_in_a_child_of_multiprocessing(
        self, job_of: JobOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[tuple[Any, ...]] = []
        monkeypatch.setattr("multiprocessing.process.parent_process", lambda: "a process")
        monkeypatch.setattr(
            "multiprocessing.util.Finalize",
            lambda *arguments, **options: given.append((*arguments, *options.values())),
        )
        for _ in range(2):
            runs = Runs(lambda number: False)
            job_of(runs).start()
            runs.wait_for(1)
            for thread in background_threads():
                thread.join(LONG)
        # exitpriority=0, without which it is not called at the end.
        assert given == [(None, background.scheduler.finish, 0)]
