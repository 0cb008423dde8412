"""A store that is unavailable at chosen questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from countermark import StoreUnavailable
from countermark.webhooks._deduplication import CLAIM, RELEASE


class Store:
    """A RedisStore that is unavailable, or loses its answer, at the questions of these numbers."""

    prefix = "test:"

    def __init__(self, *away: int, lost: int = 0) -> None:
        self.away, self.lost, self.asked = away, lost, 0
        self.kept: dict[str, str] = {}
        self.lived: list[int] = []

    def key(self, group: str, name: str) -> str:
        return f"{self.prefix}{{{group}}}:{name}"

    def run(
        self, script: str, keys: Sequence[str], args: Sequence[Any] = (), *, durable: object = None
    ) -> Any:
        self.asked += 1
        if self.asked in self.away:
            raise StoreUnavailable("away", kind="TimeoutError")
        answer = self._answer(script, keys[0], *args)
        if self.asked == self.lost:
            raise StoreUnavailable("lost", kind="TimeoutError")
        return answer

    def _answer(self, script: str, key: str, value: str, seconds: int = 0) -> Any:
        if script == RELEASE:
            return self.kept.pop(key) if self.kept.get(key) == value else None
        if script == CLAIM and key in self.kept:
            return "done" if self.kept[key] == "done" else "busy"
        self.kept[key] = value
        self.lived.append(seconds)
        return "new"
