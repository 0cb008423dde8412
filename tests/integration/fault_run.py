"""Runs a fleet of workers through a fault, and measures what was lost and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from countermark.redis import RedisStore
from countermark.rollout import read_snapshot
from countermark.verifying import Allowance
from countermark.verifying._allowance import allowance_group
from tests.integration.fleet import Answers, Fleet
from tests.integration.redis_server import RedisServer, wait_until

ALLOWED = 100
GROUP = allowance_group("stigg", "live")


class Outcome(NamedTuple):
    """The result of a run.

    Attributes:
        answers: All that the workers answered.
        began, ended: When the fault began and ended, in monotonic seconds.
        counted: The requests that the meter of the fleet has counted in Redis.
        complete: False if the report says that Redis has lost counts.
        left: The sessions that the allowance still allows.
    """

    answers: Answers
    began: float
    ended: float
    counted: int
    complete: bool
    left: int

    @property
    def lost_places(self) -> int:
        """The places of the allowance that are taken by sessions without an answer."""
        return ALLOWED - len(self.answers.admitted) - self.left

    @property
    def lost_counts(self) -> int:
        """The requests that were answered and are not in the meter."""
        return self.answers.judged - self.counted

    @property
    def normal_after(self) -> float:
        """The seconds from the end of the fault to the last answer without the store."""
        return self.answers.normal_after(self.ended)

    @property
    def away(self) -> float:
        """The seconds from the begin of the fault to the last answer without the store."""
        return self.answers.normal_after(self.began)

    def row(self) -> dict[str, Any]:
        """Return the figures for a table."""
        return {
            "admitted": len(self.answers.admitted),
            "places lost": self.lost_places,
            "counts lost": f"{self.lost_counts} of {self.answers.judged}",
            "without Redis": self.answers.unavailable_since(self.began),
            "handled twice": sum(times > 1 for times in self.answers.handled.values()),
            "slowest token": f"{self.answers.slowest('valid', 'forged') * 1000:.0f} ms",
            "slowest session": f"{self.answers.slowest('session') * 1000:.0f} ms",
            "away": f"{self.away:.2f} s",
            "normal after": f"{self.normal_after:.2f} s",
        }


def run_through(
    url: str,
    folder: Path,
    fault: Callable[[Fleet], object],
    *,
    before: int = 30,
    reader: str | None = None,
    **options: Any,
) -> Outcome:
    """Run a fleet through *fault*, and until it is normal again.

    Args:
        url: The address of Redis for the workers.
        folder: An existing folder.
        fault: Causes the fault, and ends it; takes the fleet.
        before: The sessions that are admitted before the fault begins.
        reader: The address of Redis for the figures, if it is another.
        options: Arguments of ``Fleet``.
    """
    own = folder / f"fleet-{time.monotonic_ns()}"
    own.mkdir()
    with Fleet(url, own, allowance=ALLOWED, **options) as fleet:
        fleet.wait_for_admitted(before)
        began = time.monotonic()
        fault(fleet)
        ended = time.monotonic()
        fleet.wait_for(lambda: _all_places_are_taken(fleet, ended), "normal again", 60)
        answers = fleet.finish()
    store = RedisStore(reader or url, timeout=20, pause=0)
    [stats] = read_snapshot(store).groups
    counted = sum(count.requests for count in stats.counts)
    left = Allowance(ALLOWED, store=store).left(GROUP)
    return Outcome(answers, began, ended, counted, stats.principals.exact, left)


def _all_places_are_taken(fleet: Fleet, ended: float) -> bool:
    """Return true if each worker has had a session refused by the count since *ended*."""
    refused = {
        answer.key.partition("-")[0]
        for answer in fleet.answers().of("session")
        if answer.at > ended and not answer.unavailable and answer.status == 401
    }
    return len(refused) == len(fleet.pids())


@contextmanager
def busy(server: RedisServer, seconds: float) -> Iterator[None]:
    """Block the server with a script for so long."""
    import threading

    script = """
    local function now()
      local time = redis.call('TIME')
      return time[1] + time[2] / 1000000
    end
    local until_then = now() + tonumber(ARGV[1])
    while now() < until_then do end
    """
    thread = threading.Thread(target=server.client().eval, args=(script, 0, str(seconds)))
    thread.start()
    try:
        yield
    finally:
        thread.join(60)


def wait_until_unavailable(fleet: Fleet, since: float) -> float:
    """Wait until a worker has had to answer without the store."""
    return wait_until(lambda: fleet.answers().unavailable_since(since), "the fault is noticed")
