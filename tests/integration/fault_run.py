"""Runs a fleet of workers through a fault, and measures what was lost and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from countermark.redis import RedisStore
from countermark.rollout import read_snapshot, set_mode
from countermark.verifying import Allowance
from countermark.verifying._allowance import allowance_group
from tests.integration.fleet import Answers, Fleet

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
        roles: The roles of the keys that the meter has counted.
    """

    answers: Answers
    began: float
    ended: float
    counted: int
    complete: bool
    left: int
    roles: set[str | None]

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


def run_through(
    url: str,
    folder: Path,
    fault: Callable[[Fleet], object],
    *,
    before: int = 30,
    reader: str | None = None,
    store: Mapping[str, Any] | None = None,
    **options: Any,
) -> Outcome:
    """Run a fleet through *fault*, and until it is normal again.

    Args:
        url: The address of Redis for the workers.
        folder: An existing folder.
        fault: Causes the fault, and ends it; takes the fleet.
        before: The sessions that are admitted before the fault begins.
        reader: The address of Redis for the figures, if it is another.
        store: Arguments of ``RedisStore`` for the workers.
        options: Arguments of ``Fleet``.
    """
    prefix = f"run-{time.monotonic_ns()}:"  # servers are shared by tests
    own = folder / "fleet"
    own.mkdir()
    store = {"prefix": prefix, **(store or {})}
    # Through a proxy or not, what is read and set here has time enough.
    patient = RedisStore(reader or url, prefix=prefix, timeout=20, pause=0)
    set_mode(patient, "stigg", "enforce", environment="live", by="the tests")
    with Fleet(url, own, allowance=ALLOWED, store=store, **options) as fleet:
        fleet.wait_for_admitted(before)
        began = time.monotonic()
        fault(fleet)
        ended = time.monotonic()
        fleet.wait_for(lambda: _all_places_are_taken(fleet, ended), "normal again", 60)
        answers = fleet.finish()
    # The clocks of workers may have been ahead, and past midnight.
    [stats] = read_snapshot(patient, clock=lambda: time.time() + 7200).groups
    counted = sum(count.requests for count in stats.counts)
    roles = {count.key_role for count in stats.counts}
    left = Allowance(ALLOWED, store=patient).left(GROUP)
    return Outcome(answers, began, ended, counted, stats.principals.exact, left, roles)


def _all_places_are_taken(fleet: Fleet, ended: float) -> bool:
    """Return true if each worker has had a session refused by the count since *ended*."""
    refused = {
        answer.key.partition("-")[0]
        for answer in fleet.answers().of("session")
        if answer.at > ended and not answer.unavailable and answer.status == 401
    }
    return len(refused) == len(fleet.pids())


def check_that_nothing_is_lost(outcome: Outcome) -> None:
    """Fail if anything was lost that was answered."""
    check_what_is_never_lost(outcome)
    assert outcome.lost_counts == 0
    assert outcome.complete
    # A session without an answer may have its place, which is its own if it comes back.
    assert outcome.lost_places <= len(outcome.answers.unanswered)


def check_what_is_never_lost(outcome: Outcome, *, most_handled: int = 1) -> None:
    """Fail if more sessions than allowed were admitted, or anything passed that must not.

    Args:
        outcome: The outcome of a run.
        most_handled: How often a delivery may have been handled.
    """
    answers = outcome.answers
    assert len(answers.admitted) <= ALLOWED
    assert outcome.left == 0
    assert not answers.taken_back
    assert answers.forged_passed == answers.valid_refused == 0
    assert max(answers.handled.values()) <= most_handled, "a delivery was handled too often"
    assert answers.delivered <= answers.handled.keys()
