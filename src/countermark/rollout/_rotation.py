"""Decides from a meter's snapshot whether the previous key is still used."""

from __future__ import annotations

from typing import NamedTuple

from countermark.rollout._snapshot import DAY, GroupStats, Snapshot, time_of


class PreviousKey(NamedTuple):
    """The use of the previous key of a group.

    Attributes:
        used: Whether it is still used; None: the counts do not tell.
        reason: The reason, in English.
    """

    used: bool | None
    reason: str

    def answer(self) -> str:
        """Return the answer for people."""
        answers = {True: "yes", False: "no", None: "unknown"}
        return f"{answers[self.used]} ({self.reason})"


def previous_key(snapshot: Snapshot, stats: GroupStats) -> PreviousKey:
    """Tell whether the previous key of a group is still used, so that it must not be removed.

    It is not used if the days of the snapshot have requests, and none that the key verified.
    As for readiness, the first request must have come that many days ago or earlier, and Redis
    must not have lost counts.

    Args:
        snapshot: The snapshot of a meter.
        stats: A group of the snapshot.
    """
    days, last = snapshot.days, stats.key_use.previous
    requests = sum(
        count.requests
        for count in stats.counts
        if count.key_role == "previous" and count.verdict == "verified"
    )
    if requests:
        are = "request" if requests == 1 else "requests"
        latest = "" if last is None else f", the last one at {time_of(last)}"
        return PreviousKey(True, f"{requests:,} {are}{latest}")
    if not stats.complete:
        return PreviousKey(None, "Redis has lost or evicted some of the counts")
    if not stats.requests:
        return PreviousKey(None, f"there was no request in the last {days} days")
    if snapshot.taken_at - stats.first_seen < days * DAY:
        return PreviousKey(None, f"the requests were counted for less than {days} days")
    # The key verified requests as the current one before. They are counted as such.
    if last is None:
        before = f"; ask {days} days after it became the previous one"
    else:
        before = f", the last one at {time_of(last)}"
    return PreviousKey(False, f"no request in the last {days} days{before}")
