"""The function and the state of a job, as the scheduler sees it."""

from __future__ import annotations

from collections.abc import Callable

from countermark._background._reports import report


class Work:
    """The function and the state of a :class:`Job`, which describes the arguments."""

    __slots__ = (
        "__weakref__",
        "_failing",
        "at_exit",
        "interval",
        "name",
        "run",
        "slow",
        "started",
        "stopped",
    )

    #: Whether the job is due in this process. While *run* runs it is False.
    started: bool
    #: Whether :meth:`stop` was called after the last :meth:`start`.
    stopped: bool

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
        self.started = self.stopped = False
        self._failing = False

    def run_once(self) -> bool:
        """Run the function now; return whether the job continues."""
        try:
            goes_on = self.run() is not False
        except BaseException as error:  # a function of the user may even call sys.exit()
            self.report(error)
            return True
        self._failing = False
        return goes_on

    def report(self, error: BaseException) -> None:
        """Emit an event, if it is the first error since the last success."""
        if not self._failing:
            self._failing = True
            report("background_raised", type(error).__name__)

    def __repr__(self) -> str:
        return f"<Job {self.name}>"
