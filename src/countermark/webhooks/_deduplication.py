"""The memory of handled deliveries, so that a duplicate is not handled again.

A delivery is claimed before the application handles it. On success its id is remembered;
on failure the claim is released, so that the vendor's next attempt is handled. If a
process dies in between, its claim expires.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from countermark._locks import ProcessLock
from countermark.errors import StoreUnavailable
from countermark.webhooks._parts import REMEMBERED_FOR
from countermark.webhooks._results import VerifiedWebhook

if TYPE_CHECKING:
    from countermark.redis import RedisStore

#: The seconds after which a claim expires. Less than the time for which vendors retry: Stigg
#: gives up after about two minutes.
CLAIMED_FOR: Final = 60

#: The number of deliveries that are remembered in memory.
MAX_REMEMBERED: Final = 10_000

_DONE: Final = "done"

#: ``new``: claimed now. ``busy``: in flight. ``done``: handled before.
State: TypeAlias = Literal["new", "busy", "done"]


class Deliveries(Protocol):
    """Remembers deliveries by *key*, a hash; *claim* identifies one attempt."""

    def begin(self, key: str, claim: str) -> State:
        """Claim a delivery, or return why it must not be handled."""

    def succeed(self, key: str) -> None:
        """Remember a delivery as handled."""

    def fail(self, key: str, claim: str) -> None:
        """Release a claim."""


class Claim:
    """The claim of one attempt to handle a delivery. It is settled once."""

    __slots__ = ("_claim", "_deliveries", "_key", "_on_error", "settled")

    def __init__(
        self,
        deliveries: Deliveries,
        verified: VerifiedWebhook,
        on_error: Callable[[StoreUnavailable], None],
    ) -> None:
        # JSON can contain half of a surrogate pair.
        name = f"{verified.scheme}\n{verified.delivery_id}".encode("utf-8", "surrogatepass")
        self._key, self._claim = sha256(name).hexdigest(), os.urandom(8).hex()
        self._deliveries, self._on_error = deliveries, on_error
        self.settled = False

    def begin(self) -> State | None:
        """Claim the delivery; None: the store is unavailable.

        The claim may be stored nevertheless, if only the store's answer was lost; so it is
        settled in that case too.
        """
        try:
            return self._deliveries.begin(self._key, self._claim)
        except StoreUnavailable as error:
            self._on_error(error)
            self._on_error = _ignore  # one event for each delivery
            return None

    def settle(self, handled: bool) -> None:
        """Remember the delivery if it was handled, and release the claim otherwise."""
        self.settled = True
        try:
            if handled:
                self._deliveries.succeed(self._key)
            else:
                self._deliveries.fail(self._key, self._claim)
        except StoreUnavailable as error:
            # The claim expires by itself; at worst the delivery is handled again.
            self._on_error(error)


def _ignore(error: StoreUnavailable) -> None:
    pass


class DeliveriesInMemory:
    """The latest deliveries of one process."""

    __slots__ = ("_clock", "_lock", "_seen")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = ProcessLock()
        self._seen: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def begin(self, key: str, claim: str) -> State:
        with self._lock:
            now = self._clock()
            owner, until = self._seen.get(key, ("", now))
            if now < until:
                return "done" if owner == _DONE else "busy"
            self._put(key, claim, now + CLAIMED_FOR)
            return "new"

    def succeed(self, key: str) -> None:
        with self._lock:
            self._put(key, _DONE, self._clock() + REMEMBERED_FOR)

    def fail(self, key: str, claim: str) -> None:
        with self._lock:
            if self._seen.get(key, ("", 0))[0] == claim:
                del self._seen[key]

    def _put(self, key: str, owner: str, until: float) -> None:
        self._seen[key] = owner, until
        self._seen.move_to_end(key)
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)


# Each in one step: between two, a claim could expire and another attempt could make its own.
CLAIM: Final = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return 'new' end
if redis.call('GET', KEYS[1]) == 'done' then return 'done' end
return 'busy'
"""
REMEMBER: Final = """
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""
RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
"""


class DeliveriesInRedis:
    """The deliveries of all workers and hosts. All methods may raise StoreUnavailable.

    After a failover of Redis no delivery is handled again that replicas knew as claimed or done.
    """

    __slots__ = ("_store",)

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    def begin(self, key: str, claim: str) -> State:
        state: State = self._run(CLAIM, key, claim, CLAIMED_FOR, durable="new")
        return state

    def succeed(self, key: str) -> None:
        self._run(REMEMBER, key, _DONE, REMEMBERED_FOR, durable=1)

    def fail(self, key: str, claim: str) -> None:
        self._run(RELEASE, key, claim)

    def _run(self, script: str, key: str, *args: str | int, durable: object = None) -> Any:
        return self._store.run(script, [self._store.key(key, "webhook")], args, durable=durable)
