"""Counts the runs of jobs in the background, and finds their thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

# Seconds that no test needs, unless it fails.
LONG = 20


class Runs:
    """Counts the runs of a job, and waits for them."""

    def __init__(self, answers: Callable[[int], object] = lambda number: None) -> None:
        self.number = 0
        self.threads: set[str] = set()
        self._answers = answers
        self._happened = threading.Condition()

    def __call__(self) -> object:
        with self._happened:
            self.number += 1
            self.threads.add(threading.current_thread().name)
            self._happened.notify_all()
            number = self.number
        return self._answers(number)

    def wait_for(self, number: int) -> None:
        with self._happened:
            assert self._happened.wait_for(lambda: self.number >= number, LONG)


def background_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "countermark-background"]
