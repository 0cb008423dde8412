"""Which deliveries have been handled, so that one that comes again is not handled again.

A delivery is claimed before it is handled. If that succeeds, its id is remembered; if
it fails, the claim is given back, so that the sender's next attempt is handled. Who
dies in between leaves a claim that ends by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from countermark.webhooks._parts import REMEMBERED_FOR

if TYPE_CHECKING:
    from countermark.redis import RedisStore

#: How long a delivery may take to be handled, in seconds, before another attempt is.
#: Short of what a sender tries for: Stigg gives up after about two minutes.
CLAIMED_FOR: Final = 60

#: How many are remembered in memory.
MOST: Final = 10_000

_DONE: Final = "done"

#: ``new``: claimed. ``busy``: somebody else is at it. ``done``: it was handled.
State: TypeAlias = Literal["new", "busy", "done"]


class Deliveries(Protocol):
    """Remembers deliveries by *key*, a hash; *claim* is the name of one attempt."""

    def begin(self, key: str, claim: str) -> State:
        """Claim a delivery, or say why it is not to be handled."""

    def succeed(self, key: str) -> None:
        """Remember a delivery that was handled."""

    def fail(self, key: str, claim: str) -> None:
        """Give a claim back."""


class DeliveriesInMemory:
    """The latest deliveries of one process."""

    __slots__ = ("_clock", "_lock", "_seen")

    def __init__(self, clock: Callable[[], float]) -> None:
        from threading import Lock  # late, as it is slow to import

        self._clock = clock
        self._lock = Lock()
        self._seen: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def begin(self, key: str, claim: str) -> State:
        with self._lock:
            now = self._clock()
            what, until = self._seen.get(key, ("", now))
            if now < until:
                return "done" if what == _DONE else "busy"
            self._put(key, claim, now + CLAIMED_FOR)
            return "new"

    def succeed(self, key: str) -> None:
        with self._lock:
            self._put(key, _DONE, self._clock() + REMEMBERED_FOR)

    def fail(self, key: str, claim: str) -> None:
        with self._lock:
            if self._seen.get(key, ("", 0))[0] == claim:
                del self._seen[key]

    def _put(self, key: str, what: str, until: float) -> None:
        self._seen[key] = what, until
        self._seen.move_to_end(key)
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)


class DeliveriesInRedis:
    """The deliveries of all workers and hosts. What it is asked raises StoreUnavailable."""

    __slots__ = ("_store",)

    # In one step: between two, the claim could end and be another's.
    _GIVE_BACK = (
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"
    )

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    def begin(self, key: str, claim: str) -> State:
        name = self._name(key)

        def ask(client: Any) -> State:
            if client.set(name, claim, nx=True, ex=CLAIMED_FOR):
                return "new"
            # If it has just ended, the next attempt will be new.
            return "done" if client.get(name) == _DONE else "busy"

        return self._store.ask(ask)

    def succeed(self, key: str) -> None:
        self._store.ask(lambda client: client.set(self._name(key), _DONE, ex=REMEMBERED_FOR))

    def fail(self, key: str, claim: str) -> None:
        self._store.ask(lambda client: client.eval(self._GIVE_BACK, 1, self._name(key), claim))

    def _name(self, key: str) -> str:
        return f"{self._store.prefix}webhook:{key}"
