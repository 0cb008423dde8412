"""Loads the keys of each tenant, and keeps them for a minute."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from countermark._forks import call_after_fork
from countermark._option_checks import is_async
from countermark._redaction import guarded
from countermark.errors import ConfigurationError

T = TypeVar("T")


#: The time for which a tenant's keys are used after they were loaded, in seconds. A withdrawn
#: key is used for this time at most.
KEPT_FOR: Final = 60


#: The number of tenants that are kept.
MAX_TENANTS: Final = 1024


# The part of the time after which the next request of the tenant loads again, ahead of time: other
# requests use the old keys meanwhile, and a loader that fails has the rest of the time to recover.
_AHEAD: Final = 0.75

# After a failure ahead of time, the part of the time before the next attempt.
_AGAIN: Final = 0.05

# A thread waits so many seconds for another one that loads the same tenant. Then it loads itself,
# as the other one may wait for this thread.
_PATIENCE: Final = 1.0


class PerTenant(Generic[T]):
    """A function that loads the signers or the verifier of a tenant, and how they are kept.

    Give it to ``signers=`` or ``verifier=`` in place of the function, to change a number.

    Args:
        load: Takes the id of a tenant; returns its signers or verifier, None if it is unknown.
        size: The number of tenants whose signers or verifiers are kept in each process. Those that
            were not used for long are dropped first.
        seconds: The time for which they are used, after which a new key is in use and a withdrawn
            one is not.

    Raises:
        ConfigurationError: An argument is invalid.
    """

    __slots__ = ("_load", "seconds", "size")

    #: The number of tenants that are kept.
    size: int
    #: The time for which a tenant's keys are used, in seconds.
    seconds: float

    @guarded
    def __init__(
        self, load: Callable[[str], T | None], *, size: int = MAX_TENANTS, seconds: float = KEPT_FOR
    ) -> None:
        given: object = load
        if not callable(given) or is_async(given):
            raise ConfigurationError("PerTenant takes a function (not async) of a tenant's id")
        if type(size) is not int or size < 1:
            raise ConfigurationError("size= must be a number of tenants above 0")
        number: object = seconds
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1e6:
            raise ConfigurationError("seconds= must be a number of seconds above 0")
        self._load, self.size, self.seconds = load, size, seconds

    def __call__(self, tenant: str) -> T | None:
        """Load the signers or the verifier of a tenant."""
        return self._load(tenant)


class _Kept(Generic[T]):
    """The signers or the verifier of a tenant, and the times of the next loads."""

    __slots__ = ("due", "expires", "loaded", "used")

    def __init__(self, loaded: T, due: float, expires: float) -> None:
        self.loaded, self.due, self.expires = loaded, due, expires
        self.used = False


class _Loading:
    """A load that other threads wait for."""

    __slots__ = ("done", "error", "loaded", "thread")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.thread = threading.get_ident()
        self.error: Exception | None = None
        self.loaded: tuple[Any] | None = None  # a tuple, as None is an unknown tenant


class TenantCache(Generic[T]):
    """Keeps the signers or verifiers of tenants, and loads each once at a time.

    Tenants are distinguished by the exact text of their ids. An unknown tenant is not kept,
    so that it is found as soon as it exists. Reading what is kept takes no lock.

    Args:
        load: Takes the id of a tenant, and returns None if it is unknown.
        size: The number of tenants that are kept.
        seconds: The time for which a tenant is used, in seconds.
        clock: Returns monotonic seconds.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_kept",
        "_load",
        "_loading",
        "_lock",
        "_seconds",
        "_size",
    )

    def __init__(
        self,
        load: Callable[[str], T | None],
        *,
        size: int = MAX_TENANTS,
        seconds: float = KEPT_FOR,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._size, self._seconds, self._clock = load, size, seconds, clock
        self._kept: OrderedDict[str, _Kept[T]] = OrderedDict()
        self._begin()
        call_after_fork(self._begin)

    def _begin(self) -> None:
        """Forget the loads of other threads, which a forked child does not have."""
        self._lock = threading.Lock()
        self._loading: dict[str, _Loading] = {}

    def of(self, tenant: str) -> T | None:
        """Return the signers or verifier of *tenant*; None if it is unknown.

        Raises:
            Exception: Loading raised it.
        """
        kept = self._kept.get(tenant)
        if kept is not None:
            now = self._clock()
            if now < kept.expires:
                kept.used = True
                return kept.loaded if now < kept.due else self._ahead(tenant, kept, now)
        return self._loaded_once(tenant)

    def _ahead(self, tenant: str, kept: _Kept[T], now: float) -> T | None:
        """Load a tenant again in this request, before the others have to wait for it."""
        kept.due = now + self._seconds * _AGAIN
        try:
            return self._loaded(tenant)
        except Exception:  # it is reported if it lasts until the keys expire
            if self._clock() >= kept.expires:
                raise
            return kept.loaded

    def _loaded_once(self, tenant: str) -> T | None:
        """Load a tenant, or wait for the thread that does."""
        own = _Loading()
        other = self._loading.setdefault(tenant, own)
        if other is not own:
            if other.thread != own.thread and other.done.wait(_PATIENCE):
                if other.error is not None:
                    raise other.error
                if other.loaded is not None:
                    loaded: T | None = other.loaded[0]
                    return loaded
            return self._loaded(tenant)
        try:
            found = self._loaded(tenant)
            own.loaded = (found,)
        except Exception as error:
            own.error = error
            raise
        finally:
            self._loading.pop(tenant, None)
            own.done.set()
        return found

    def _loaded(self, tenant: str) -> T | None:
        began = self._clock()  # a key that is withdrawn during the load counts from here
        loaded, seconds = self._load(tenant), self._seconds
        with self._lock:
            kept = self._kept.get(tenant)
            if kept is not None and kept.expires > began + seconds:
                return kept.loaded  # of a load that began later, and was faster
            if loaded is None:
                self._kept.pop(tenant, None)
                return None
            self._kept[tenant] = _Kept(loaded, began + seconds * _AHEAD, began + seconds)
            self._make_room()
        return loaded

    def _make_room(self) -> None:
        """Drop the tenants that were not used since their last turn, in the order of their turns.

        It is the second-chance algorithm: a request only marks its tenant as used, which takes no
        lock, in place of moving it to the end.
        """
        while len(self._kept) > self._size:
            tenant, kept = self._kept.popitem(last=False)
            if kept.used:
                kept.used = False
                self._kept[tenant] = kept
