"""A store that is unavailable at chosen questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from countermark import StoreUnavailable


class Store:
    """A RedisStore that is unavailable, or loses its answer, at the questions of these numbers."""

    prefix = "test:"

    def __init__(self, *away: int, lost: int = 0) -> None:
        self.away, self.lost, self.asked = away, lost, 0
        self.kept: dict[str, str] = {}
        self.lived: list[int] = []

    def ask(self, what: Callable[[Any], Any]) -> Any:
        self.asked += 1
        if self.asked in self.away:
            raise StoreUnavailable("away", kind="TimeoutError")
        answer = what(self)
        if self.asked == self.lost:
            raise StoreUnavailable("lost", kind="TimeoutError")
        return answer

    def set(self, name: str, value: str, *, ex: int, nx: bool = False) -> bool | None:
        if nx and name in self.kept:
            return None
        self.kept[name] = value
        self.lived.append(ex)
        return True

    def get(self, name: str) -> str | None:
        return self.kept.get(name)

    def eval(self, script: str, count: int, name: str, claim: str) -> int:
        if self.kept.get(name) != claim:
            return 0
        del self.kept[name]
        return 1
