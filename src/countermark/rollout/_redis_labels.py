"""The labels that all processes share, up to a limit."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from countermark.rollout._counters import LabelLimiter
from countermark.rollout._redis_batch import Replacements
from countermark.rollout._redis_keys import ALL, DAY_EXPIRES, in_chunks, key_of
from countermark.rollout._redis_scripts import AGREE
from countermark.rollout._snapshot import OTHER

if TYPE_CHECKING:
    from countermark.redis import RedisStore


class SharedLabels:
    """The labels of one kind in Redis, of which the process remembers its own.

    Redis is asked about new labels only, so a process with the usual tenants does not ask.
    """

    __slots__ = ("_agreed", "_key", "_limiter", "_store")

    def __init__(self, store: RedisStore, name: str, limiter: LabelLimiter) -> None:
        self._store, self._key, self._limiter = store, key_of(store, ALL, name), limiter
        self._agreed: set[str] = set()

    def replacements(self, wanted: Collection[str]) -> Replacements:
        """Add the labels *wanted* to those of all processes; return those to replace.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        for some in in_chunks(sorted(set(wanted) - self._agreed)):
            arguments: list[str | int] = [self._limiter.limit, DAY_EXPIRES, *some]
            found, members = self._store.run(AGREE, [self._key], arguments)
            self._agreed.update(text for text, known in zip(some, found, strict=True) if known)
            if members:
                # There is no room for others, so this process learns those of all processes.
                self._agreed = set(members)
                self._limiter.known = set(members)
        return {text: OTHER for text in wanted if text not in self._agreed}

    def forget(self) -> None:
        """Ask Redis again about all labels."""
        self._agreed = set()
