"""A clock that a test steps: for servers by libfaketime, for workers by ``time.time``.

As a command, it runs the workers of ``tests.integration.fleet`` with that clock. libfaketime does
not do for Python, as ``time.sleep`` fails with it.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path


class SteppedClock:
    """The seconds in a file, by which a clock is ahead of the real one.

    Monotonic clocks stay as they are, as when an administrator or NTP sets the time.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.step(0)

    def step(self, seconds: int) -> None:
        """Let the clock be so far ahead of the real one, or behind it if below 0."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.file)  # so that no half of it is read

    def environment(self, library: Path) -> dict[str, str]:
        """Return the variables with which a server takes its time from the file."""
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def follow(file: Path) -> None:
    """Let ``time.time`` of this process be so far ahead. Call it before other imports."""
    real = time.time
    time.time = lambda: real() + int(file.read_text())


if __name__ == "__main__":
    follow(Path(sys.argv.pop(1)))
    runpy.run_module("tests.integration.fleet_worker", run_name="__main__", alter_sys=True)
