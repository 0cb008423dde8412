"""Loads the keys of each tenant, and keeps them for a minute."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Final, Generic, TypeVar

T = TypeVar("T")


#: The time before a tenant's keys are loaded again, in seconds. A withdrawn key is used for
#: this time at most.
KEPT_FOR: Final = 60


#: The number of tenants that are kept. The least recently used one is evicted first.
MAX_TENANTS = 1024


class TenantCache(Generic[T]):
    """Loads the signers or verifiers of tenants, and keeps those of the latest tenants.

    Tenants are distinguished by the exact text of their ids. An unknown tenant is not kept,
    so that it is found as soon as it exists.

    Args:
        load: Takes the id of a tenant, and returns None if it is unknown.
        kept_for: The time before a tenant is loaded again, in seconds.
        clock: Returns monotonic seconds.
    """

    __slots__ = ("_clock", "_kept", "_kept_for", "_load", "_lock")

    def __init__(
        self,
        load: Callable[[str], T | None],
        *,
        kept_for: float = inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from threading import Lock

        self._load, self._kept_for, self._clock = load, kept_for, clock
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[T, float]] = OrderedDict()

    def of(self, tenant: str) -> T | None:
        """Return the signers or verifier of *tenant*; None if it is unknown.

        Raises:
            Exception: Loading raised it.
        """
        with self._lock:
            kept = self._kept.get(tenant)
            if kept is not None and self._clock() < kept[1]:
                self._kept.move_to_end(tenant)
                return kept[0]
        loaded = self._load(tenant)  # not under the lock: it may be slow
        with self._lock:
            if loaded is None:
                self._kept.pop(tenant, None)
                return None
            self._kept[tenant] = loaded, self._clock() + self._kept_for
            self._kept.move_to_end(tenant)
            if len(self._kept) > MAX_TENANTS:
                self._kept.popitem(last=False)
        return loaded
