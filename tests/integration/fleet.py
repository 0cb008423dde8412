"""Starts a fleet of workers, and reads what they answered."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.integration.servers import ROOT, python

WORKERS = 8

#: A request of each kind is sent at every such turn of a worker.
EVERY = {"valid": 1, "forged": 2, "session": 5, "return": 5, "delivery": 5}


class Answer(NamedTuple):
    """One line that a worker noted.

    Attributes:
        at: The monotonic time of the answer.
        kind: The kind of the request; ``handled`` for a delivery that reached the application,
            ``flushed`` when the worker has written the last counts.
        key: The session or delivery.
        status: The HTTP status.
        unavailable: True if the store was unavailable for this request.
        seconds: The time until the answer.
    """

    at: float
    kind: str
    key: str
    status: int
    unavailable: bool
    seconds: float


class Fleet:
    """Worker processes with one allowance, meter and memory of deliveries.

    Args:
        url: The address of Redis.
        folder: An empty folder.
        every: The kinds of requests, and at which turns of a worker they are sent.
        allowance: The number of sessions without a token.
        secret_file: The file of the secret, which is watched, and next to it
            ``SECRET_FILE-previous``; None: the secret does not change.
        store: Arguments of ``RedisStore``.
        clock: The file of a ``SteppedClock`` that the workers follow.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        every: Mapping[str, int] = EVERY,
        allowance: int,
        secret_file: Path | None = None,
        store: Mapping[str, Any] | None = None,
        clock: Path | None = None,
    ) -> None:
        self.folder = folder
        self.prefix: str = (store or {}).get("prefix", "countermark:")
        secrets = None if secret_file is None else str(secret_file)
        self._settings = {
            "url": url, "folder": str(folder), "workers": WORKERS, "every": dict(every),
            "allowance": allowance, "secret_file": secrets,
            "store": {"timeout": 0.5, "pause": 0.1, **(store or {})},
        }  # fmt: skip
        self._module = ["tests.integration.fleet_worker"]
        if clock is not None:
            self._module = ["tests.integration.stepped_clock", str(clock)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = python("-m", *self._module, json.dumps(self._settings))
        with (self.folder / "workers.log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        self.wait_for(lambda: len(self.pids()) == WORKERS, "the workers")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            for process in self.pids():
                _kill(process)
            self._process.kill()
            self._process.wait(timeout=20)

    def finish(self) -> Answers:
        """Let the workers write their last counts and end; returns all that they answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=60)
        self._process = None
        assert code == 0, (self.folder / "workers.log").read_text()
        return self.answers()

    def pids(self) -> list[int]:
        """Return the processes of the latest life of each worker."""
        latest: dict[str, tuple[int, int]] = {}
        for path in self.folder.glob("*.answers"):
            number, life, process = path.stem.split("-")
            latest[number] = max(latest.get(number, (-1, 0)), (int(life), int(process)))
        return [process for _, process in latest.values()]

    def kill_worker(self, process: int) -> None:
        """Kill a worker as ``kill -9`` does; another one takes its place."""
        _kill(process)

    def answers(self) -> Answers:
        """Return what was answered so far, in the order of time."""
        lines = [
            line
            for path in self.folder.glob("*.answers")
            for line in path.read_text().splitlines(keepends=True)
        ]
        return Answers(sorted(_answer(line) for line in lines if line.endswith("\n")))

    def wait_for(self, condition: Any, what: str, seconds: float = 30) -> None:
        """Wait until *condition* returns something true; fails with the log of the workers."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError(f"not: {what}\n{(self.folder / 'workers.log').read_text()}")

    def wait_for_admitted(self, number: int) -> None:
        """Wait until *number* sessions without a token have been admitted."""
        self.wait_for(lambda: len(self.answers().admitted) >= number, f"{number} admitted")


class Answers(list[Answer]):
    """The answers of a fleet, in the order of time."""

    def of(self, *kinds: str) -> Iterator[Answer]:
        """Yield the answers of some kinds."""
        return (answer for answer in self if answer.kind in kinds)

    @property
    def admitted(self) -> set[str]:
        """The sessions without a token that were admitted, also by ``fail_open``."""
        return {answer.key for answer in self.of("session", "return") if answer.status == 200}

    @property
    def unanswered(self) -> set[str]:
        """The sessions that were sent, and never got an answer of the store."""
        sessions = [*self.of("session")]
        answered = {answer.key for answer in sessions if not answer.unavailable}
        return {answer.key for answer in sessions} - answered

    @property
    def taken_back(self) -> set[str]:
        """The admitted sessions that were refused later, while the store was available."""
        return {
            answer.key
            for answer in self.of("return")
            if answer.status != 200 and not answer.unavailable
        }

    @property
    def forged_passed(self) -> int:
        """The number of forged tokens that were not refused."""
        return sum(answer.status != 401 for answer in self.of("forged"))

    @property
    def valid_refused(self) -> int:
        """The number of valid tokens that were refused."""
        return sum(answer.status != 200 for answer in self.of("valid"))

    @property
    def judged(self) -> int:
        """The number of requests that the meter counts."""
        return sum(1 for _ in self.of("valid", "forged", "session", "return"))

    @property
    def handled(self) -> Counter[str]:
        """How many times each delivery reached the application."""
        return Counter(answer.key for answer in self.of("handled"))

    @property
    def delivered(self) -> set[str]:
        """The deliveries that were answered with 200."""
        return {answer.key for answer in self.of("delivery") if answer.status == 200}

    def unavailable_since(self, moment: float) -> int:
        """Return how many answers after *moment* lacked the store."""
        return sum(answer.unavailable and answer.at >= moment for answer in self)

    def normal_after(self, moment: float) -> float:
        """Return the seconds from *moment* until the last answer that lacked the store."""
        lacking = [answer.at for answer in self if answer.unavailable and answer.at >= moment]
        return max(lacking, default=moment) - moment

    def slowest(self, *kinds: str) -> float:
        """Return the longest time until an answer of some kinds."""
        return max((answer.seconds for answer in self.of(*kinds)), default=0.0)


def _answer(line: str) -> Answer:
    at, kind, key, status, state, seconds = line.split()
    return Answer(float(at), kind, key, int(status), state == "unavailable", float(seconds))


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
