"""Loads the keys of each tenant, and keeps them for a minute."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Final, Generic, TypeVar

T = TypeVar("T")


#: How long what belongs to a tenant is used before it is loaded again, in seconds: so long a
#: key goes on signing, or being accepted, after it was taken away.
KEPT_FOR: Final = 60


#: How many tenants are kept. The one that was not asked for longest goes first.
MAX_TENANTS = 1024


class TenantCache(Generic[T]):
    """Loads what belongs to a tenant, and keeps that of the latest tenants.

    Tenants are told apart by the exact text of their ids. One that is not known is
    not kept, so that it is found as soon as it exists.

    Args:
        load: Takes the id of a tenant; None: it is not known.
        kept_for: How long what was loaded is good for, in seconds.
        clock: Returns seconds that never go back.
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
        """Return what belongs to *tenant*; None if it is not known.

        Raises:
            Exception: Whatever loading raises.
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
