"""One thread a process, in which all periodic work runs."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable

from countermark.events import Event, emit


class Job:
    """A function that runs again and again in the background.

    All jobs of a process share one daemon thread. It begins with the first :meth:`start` and
    ends when no job is left, so it keeps no interpreter alive. A forked child has no thread and
    no started job: jobs begin there with its own first :meth:`start`.

    If *run* raises, the event ``failed`` with the reason ``background_raised`` is emitted once,
    until *run* succeeds again, and the job continues.

    Args:
        run: The function. It returns False to rest until the next :meth:`start`.
        interval: The seconds between the end of a run and the next one, and before the first.
        name: The name of the thread of a slow job.
        at_exit: Whether *run* is called a last time when the interpreter exits, unless the job
            rests.
        slow: Whether *run* may take long, as functions of the user may. Each run then has a
            thread of its own, so that the other jobs do not wait for it.
    """

    __slots__ = ("__weakref__", "_failing", "at_exit", "interval", "name", "run", "slow", "started")

    #: Whether the job is due in this process. While *run* runs it is False.
    started: bool

    def __init__(
        self,
        run: Callable[[], object],
        interval: float,
        *,
        name: str,
        at_exit: bool = False,
        slow: bool = False,
    ) -> None:
        self.run, self.interval, self.name = run, interval, name
        self.at_exit, self.slow = at_exit, slow
        self.started = False
        self._failing = False

    def start(self) -> None:
        """Let the job begin, or continue after it rested. Call it as often as you like."""
        if not self.started:
            _scheduler.add(self, self.interval)

    def wake(self) -> None:
        """Let the job run as soon as possible."""
        _scheduler.add(self, 0)

    def stop(self) -> None:
        """Let the job rest. A run that has begun comes to its end."""
        _scheduler.remove(self)

    def run_once(self) -> bool:
        """Run the function now; return whether the job continues."""
        try:
            goes_on = self.run() is not False
        except Exception as error:
            if not self._failing:
                self._failing = True
                emit(Event("failed", "background_raised", error=type(error).__name__), None)
            return True
        self._failing = False
        return goes_on

    def __repr__(self) -> str:
        return f"<Job {self.name}>"


class _Scheduler:
    """The jobs of this process, and the thread that runs them."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._due: dict[Job, float] = {}
        self._running: set[Job] = set()
        self._stopped: set[Job] = set()
        self._thread: threading.Thread | None = None

    def add(self, job: Job, delay: float) -> None:
        with self._changed:
            job.started = True
            self._stopped.discard(job)
            due = time.monotonic() + delay
            self._due[job] = min(due, self._due.get(job, due))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="countermark-background", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def remove(self, job: Job) -> None:
        with self._changed:
            job.started = False
            self._due.pop(job, None)
            if job in self._running:
                self._stopped.add(job)
            self._changed.notify()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if job.slow:
                threading.Thread(target=self._run, args=[job], name=job.name, daemon=True).start()
            else:
                self._run(job)

    def _next(self) -> Job | None:
        """Wait for the next job that is due; None: there is no job left."""
        with self._changed:
            while self._due or self._running:
                waiting = self._due.keys() - self._running
                job = min(waiting, key=self._due.__getitem__, default=None)
                delay = None if job is None else self._due[job] - time.monotonic()
                if job is None or delay is None or delay > 0:
                    self._changed.wait(delay)
                    continue
                del self._due[job]
                self._running.add(job)
                # Before the run: work that comes while it runs starts the job again.
                job.started = False
                return job
            self._thread = None
            return None

    def _run(self, job: Job) -> None:
        goes_on = job.run_once()
        with self._changed:
            self._running.discard(job)
            if goes_on and job not in self._stopped and job not in self._due:
                job.started = True
                self._due[job] = time.monotonic() + job.interval
            self._stopped.discard(job)
            self._changed.notify()

    def finish(self) -> None:
        """Run the jobs that must run a last time."""
        with self._changed:
            last = [job for job in {*self._due, *self._running} if job.at_exit]
        for job in last:
            job.run_once()

    def begin_again(self) -> None:
        """Begin without jobs in a forked child, where the thread does not run."""
        # Without the lock, which another thread may have held during the fork.
        for job in {*self._due, *self._running}:
            job.started = False
        self._begin()


_scheduler = _Scheduler()

atexit.register(_scheduler.finish)
# Some systems have no fork.
getattr(os, "register_at_fork", lambda **hooks: None)(after_in_child=_scheduler.begin_again)
