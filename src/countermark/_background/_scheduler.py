"""Which job runs when, and the thread of a process in which they run."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from math import inf
from typing import NamedTuple

from countermark._background._reports import report
from countermark._background._work import Work

#: The most seconds that the end of a process waits for the last runs.
LAST_SECONDS = 5.0
# The seconds until the next try, if the system refused a thread.
_PAUSE = 1.0


class _Request(NamedTuple):
    """A message to the thread.

    Attributes:
        job: The job.
        due: When the job is due. None: it is not, except if an earlier request made it due.
        ended: Whether a run of the job has ended.
    """

    job: Work
    due: float | None
    ended: bool = False


class Scheduler:
    """The jobs of this process, and the thread that runs them.

    Other threads only append requests, so a fork or a signal handler never meets a held lock.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        # Only the thread uses these two.
        self._due: dict[Work, float] = {}
        self._running: set[Work] = set()
        self._requests: deque[_Request] = deque()
        # Held while there is a thread. It is never waited for.
        self._alive = threading.Lock()
        self._bell = threading.Condition()
        self._thread: threading.Thread | None = None
        self._flushes: deque[threading.Event] = deque()
        self._finishing = self._stuck = self._reported = self._registered = False
        self._refused_until = 0.0

    def add(self, job: Work, delay: float) -> bool:
        now = time.monotonic()
        if now < self._refused_until or _is_master_of_uwsgi():
            return False
        job.started = True
        self._send(_Request(job, now + delay))
        return self._thread is not None

    def remove(self, job: Work) -> None:
        if self._alive.locked():
            self._send(_Request(job, None))

    def flush(self) -> None:
        """Run the jobs with ``at_exit`` now, and wait for that for up to 5 seconds."""
        done = threading.Event()
        self._flushes.append(done)
        if self._alive.locked():
            self._ring()
            self._stuck = not done.wait(0 if self._stuck else LAST_SECONDS)
        else:
            with suppress(LookupError, ValueError):  # a new thread has taken it
                self._flushes.remove(done)

    def finish(self) -> None:
        """End all jobs for good, after a last run of those with ``at_exit``.

        It waits for up to 5 seconds, but not again for a run for which :meth:`flush` has waited.
        """
        self._refused_until = inf
        if (thread := self._thread) is not None:
            self._finishing = True
            self._ring()
            with suppress(RuntimeError):  # it is this thread, or one that has not begun
                thread.join(0 if self._stuck else LAST_SECONDS)

    def begin_again(self) -> None:
        """Begin without jobs in a forked child, where the thread does not run."""
        for job in {*self._due, *(request.job for request in self._requests)}:
            job.started = False
        self._begin()

    # The start and the end of the thread

    def _send(self, request: _Request) -> None:
        self._requests.append(request)
        if self._alive.acquire(blocking=False):
            self._start()
        else:
            self._ring()

    def _ring(self) -> None:
        bell = self._bell
        with bell:
            bell.notify_all()

    def _start(self) -> None:
        # Not earlier: gevent may have replaced the classes since the import of this module.
        self._bell = threading.Condition()
        # Until it runs: others must not count on a thread that the system may refuse.
        self._thread = None
        try:
            thread = _daemon("countermark-background", self._work, self._requests)
            _start_without_context(thread)
        except Exception as error:  # a limit of the system, or a subinterpreter without threads
            self._report(type(error).__name__)
            self._refused_until = max(self._refused_until, time.monotonic() + _PAUSE)
            while True:
                self._take_requests()
                for job in self._due:
                    job.started = False
                if not self._leave():
                    return
        self._thread = thread
        self._end_with_multiprocessing()
        if getattr(sys.modules.get("uwsgi"), "has_threads", True) == 0:
            self._report("enable-threads")

    def _leave(self) -> bool:
        """Give way to the next thread; return True if there is something left to do."""
        self._alive.release()
        return bool(self._requests or self._flushes) and self._alive.acquire(blocking=False)

    def _report(self, error: str) -> None:
        if not self._reported:
            self._reported = True
            report("no_thread", error)

    def _end_with_multiprocessing(self) -> None:
        """Finish in a child of multiprocessing, which ends without ``atexit`` after a fork."""
        process = sys.modules.get("multiprocessing.process")
        if process is None or process.parent_process() is None or self._registered:
            return
        from multiprocessing.util import Finalize

        self._registered = True
        Finalize(None, self.finish, exitpriority=0)

    # What happens in the thread

    def _work(self, requests: deque[_Request]) -> None:
        while True:
            self._park_a_copy(requests)
            self._thread = threading.current_thread()  # not an earlier one that has just ended
            self._stuck = False
            self._take_requests()
            if self._finishing:
                self._run_last()
            if self._flushes:
                self._run_flushes()
                continue
            waiting = self._due.keys() - self._running
            job = min(waiting, key=self._due.__getitem__, default=None)
            if job is None and (self._finishing or not self._running):
                if not self._leave():
                    return
                continue
            delay = None if job is None else self._due[job] - time.monotonic()
            if job is not None and delay is not None and delay <= 0:
                self._run(job)
                continue
            bell = self._bell
            with bell:
                bell.wait_for(self._is_called, delay)

    def _is_called(self) -> bool:
        return bool(self._requests or self._flushes or self._finishing)

    def _take_requests(self) -> None:
        while self._requests:
            job, due, ended = self._requests.popleft()
            if ended:
                self._running.discard(job)
            if job.stopped:
                self._due.pop(job, None)
                job.started = False
            elif due is not None:
                self._due[job] = min(due, self._due.get(job, due))
                job.started = True

    def _run(self, job: Work) -> None:
        # Before the run: work that comes while it runs starts the job again.
        job.started = False
        del self._due[job]
        self._running.add(job)
        if not job.slow:
            self._run_to_end(job, self._requests)
            return
        try:
            _start_without_context(_daemon(job.name, self._run_to_end, job, self._requests))
        except Exception as error:  # as in _start()
            job.report(error)
            self._end(job, goes_on=True)

    def _run_to_end(self, job: Work, requests: deque[_Request]) -> None:
        goes_on = job.run_once()
        self._park_a_copy(requests)
        self._end(job, goes_on=goes_on)

    def _end(self, job: Work, *, goes_on: bool) -> None:
        due = time.monotonic() + job.interval if goes_on else None
        self._requests.append(_Request(job, due, ended=True))
        self._ring()

    def _run_flushes(self) -> None:
        number = len(self._flushes)  # later ones need another run
        for job in [job for job in self._due.keys() - self._running if job.at_exit]:
            self._run(job)
        for _ in range(number):
            self._flushes.popleft().set()

    def _park_a_copy(self, requests: deque[_Request]) -> None:
        """Halt if this is a copy of the thread: a fork of gevent copies all greenlets.

        Its end would be an error, as the module threading of the child does not know it.
        """
        while requests is not self._requests:
            time.sleep(3600)

    def _run_last(self) -> None:
        """Stop all jobs. Slow runs that have begun come to their end, or end with the process."""
        last = [job for job in self._due.keys() - self._running if job.at_exit]
        for job in {*self._due, *self._running}:
            job.stopped, job.started = True, False
        self._due.clear()
        for job in last:
            job.run_once()


def _daemon(name: str, run: Callable[..., None], *arguments: object) -> threading.Thread:
    return threading.Thread(target=run, args=arguments, name=name, daemon=True)


def _start_without_context(thread: threading.Thread) -> None:
    """Start *thread* without the context of the request that happened to need it first."""
    Context().run(thread.start)


def _is_master_of_uwsgi() -> bool:
    """Return True before uWSGI forks its workers: its fork does not call the hooks of Python."""
    uwsgi = sys.modules.get("uwsgi")  # or a module of the application, with another content
    ids = [getattr(uwsgi, name, None) for name in ("worker_id", "mule_id", "i_am_the_spooler")]
    return all(map(callable, ids)) and not any(of_process() for of_process in ids if of_process)


scheduler = Scheduler()
atexit.register(scheduler.finish)
# Some systems have no fork.
getattr(os, "register_at_fork", lambda **hooks: None)(after_in_child=scheduler.begin_again)
