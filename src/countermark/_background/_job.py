"""A function that runs again and again in the background."""

from __future__ import annotations

from countermark._background._scheduler import scheduler
from countermark._background._work import Work


class Job(Work):
    """A function that runs again and again in the background.

    All jobs of a process share one daemon thread. It begins with the first :meth:`start` and
    ends when no job is left, so it keeps no interpreter alive. A forked child has no thread and
    no started job: jobs begin there with its own first :meth:`start`.

    If *run* raises, the event ``failed`` with the reason ``background_raised`` is emitted once,
    until *run* succeeds again, and the job continues.

    The methods can be called in signal handlers, finalizers and greenlets: no lock of theirs is
    held while other code runs.

    Args:
        run: The function. It returns False to rest until the next :meth:`start`.
        interval: The seconds between the end of a run and the next one, and before the first.
        name: The name of the thread of a slow job.
        at_exit: Whether *run* is called a last time when the process ends, unless the job rests.
        slow: Whether *run* may take long, as functions of the user may. Each run then has a
            thread of its own, so that the other jobs do not wait for it.
    """

    __slots__ = ()

    def start(self) -> bool:
        """Let the job begin, or continue after it rested; return whether there is a thread.

        Call it as often as you like.
        """
        self.stopped = False
        return self.started or scheduler.add(self, self.interval)

    def wake(self) -> bool:
        """Let the job run as soon as possible; return whether there is a thread for it."""
        self.stopped = False
        return scheduler.add(self, 0)

    def stop(self) -> None:
        """Let the job rest. A run that has begun comes to its end."""
        self.stopped, self.started = True, False
        scheduler.remove(self)
