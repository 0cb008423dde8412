"""What the processes do that share an allowance. Light to import, as each does so anew."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from threading import Barrier
from typing import Any, NamedTuple

from countermark import StoreUnavailable
from countermark.redis import RedisStore
from countermark.verifying import Allowance

_barrier: Barrier


def prepare(barrier: Any) -> None:
    """Keep what can be handed over only while a process begins."""
    global _barrier  # noqa: PLW0603
    _barrier = barrier


def key_of(source: Any) -> Any:
    """Take a source for the key of its session."""
    return source


def run(
    url: str, count: int, runs: Iterable[tuple[str, Sequence[str | None]]]
) -> list[list[tuple[str | None, bool]]]:
    """Return the answers for each run, a group and the keys of sessions; all begin each at once."""
    allowance = Allowance(count, session=key_of, store=RedisStore(url, timeout=20))
    answers = []
    for group, keys in runs:
        _barrier.wait(60)
        answers.append([(key, allowance.admit(group, key)) for key in keys])
    return answers


class Outage(NamedTuple):
    """What one process saw of an outage: its sessions that got in, and its answers meanwhile."""

    let_in: set[str]
    answers_meanwhile: list[bool]


def run_through_an_outage(url: str, count: int, name: str) -> Outage:
    """Send new sessions until the store is away, and after it is back until no more get in."""
    allowance = Allowance(count, session=key_of, store=RedisStore(url, timeout=20, pause=0.01))
    let_in: set[str] = set()
    meanwhile: list[bool] = []
    was_away = False
    refused = 0
    _barrier.wait(60)
    for number in range(100_000):
        # At most 200 before it is away, so that it goes away while there is room.
        key = f"{name} {number if was_away else number % 200}"
        for _ in range(2000):
            try:
                admitted = allowance.admit("g", key)
                break
            except StoreUnavailable:
                if not was_away:
                    was_away = True
                    meanwhile = _ask_while_away(allowance, key)
                    _barrier.wait(60)  # everybody has seen it, so it may come back
                time.sleep(0.01)
        if admitted:
            let_in.add(key)
        elif was_away:
            refused += 1
            if refused == 20:
                break
    return Outage(let_in, meanwhile)


def _ask_while_away(allowance: Allowance, key: str) -> list[bool]:
    answers = []
    for _ in range(20):
        try:
            answers.append(allowance.admit("g", key))
        except StoreUnavailable:
            time.sleep(0.002)
    return answers


def run_through_a_failover(url: str, prefix: str, count: int, name: str) -> set[str]:
    """Return the sessions that got in, of new ones that are sent until no more get in.

    A session is sent again until there is an answer. So some are sent to a primary that has
    lost its replica, to one that is dead, and to the one that takes its place.
    """
    store = RedisStore(url, prefix=prefix, timeout=1, pause=0.1)
    allowance = Allowance(count, session=key_of, store=store)
    let_in: set[str] = set()
    refused = 0
    _barrier.wait(60)
    until = time.monotonic() + 60
    for number in range(100_000):
        key = f"{name} {number}"
        admitted = None
        while admitted is None and time.monotonic() < until:
            try:
                admitted = allowance.admit("g", key)
            except StoreUnavailable:
                time.sleep(0.02)
        if admitted:
            let_in.add(key)
            time.sleep(0.03)  # so that there is room when the primary dies
        else:
            refused += 1
            if refused == 5:
                break
    return let_in
