"""The mode of a fleet, kept in Redis and followed in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from weakref import ref

from countermark._background import Job
from countermark._forks import call_after_fork
from countermark._jitter import jitter
from countermark._locks import ProcessLock
from countermark._option_checks import check_functions, is_redis_store
from countermark._redaction import guarded
from countermark.errors import ConfigurationError, StoreUnavailable
from countermark.events import Event, ModeChanged, OnEvent, emit
from countermark.verifying._mode_values import ModeValue, may_enforce
from countermark.verifying._modes import ModeContext
from countermark.verifying._stored_modes import ModeGroup, StoredModes, Unusable, read_stored
from countermark.verifying._verifier import Verifier

if TYPE_CHECKING:
    from countermark.redis import RedisStore
    from countermark.schemes._scheme import Scheme

# What was read before the first request of a process is old after this many seconds.
_FRESH: Final = 3.0

# The modes of a process that has not read any.
_ENFORCED: Final = StoredModes(0, "enforce", {}, "")


class ModeSwitch:
    """The mode of one scheme in one environment, for all processes and hosts: give it as ``mode=``.

    ``countermark mode set``, or :func:`countermark.rollout.set_mode`, changes it, for the
    scheme or for one tenant. Each process reads the modes once when it builds the switch, and
    about every *interval* seconds in the background, so no request but the first waits for Redis.

    The modes never become weaker than the last ones that were set and read. While Redis does not
    answer, or has lost the modes or their last changes, or holds invalid ones, the last modes
    stay. A process that has not read any since it started enforces. Each such problem is one
    event, and so is each change.

    If ``tenant=`` fails, the modes of all tenants count: one that enforces is enough.

    A process may get its first request long after the switch was built, or after a fork. If the
    modes were read more than three seconds before, and are not all ``enforce``, that request
    reads them again first, within the store's limits for a connection and an answer.

    Args:
        store: The store of the modes. Give it one of its own: a store that gets no answer pauses
            for all its users.
        scheme: The name of the verifier's scheme, or the scheme.
        environment: The environment of the verifier.
        interval: The seconds between two reads, on average a little less.
        on_event: Called with the events ``failed`` and ``mode_changed``, in any thread.

    Raises:
        ConfigurationError: An argument is invalid.
    """

    __slots__ = (
        "__weakref__",
        "_asked_at",
        "_begun",
        "_group",
        "_interval",
        "_job",
        "_lock",
        "_modes",
        "_on_event",
        "_problem",
        "_store",
    )

    _begun: bool

    @guarded
    def __init__(
        self,
        store: RedisStore,
        scheme: str | Scheme,
        *,
        environment: str | None = None,
        interval: float = 1.0,
        on_event: OnEvent | None = None,
    ) -> None:
        check_functions(on_event=on_event)
        if not is_redis_store(store):
            raise ConfigurationError(
                f"store= takes a countermark.redis.RedisStore, not {type(store).__name__}"
            )
        pause: object = interval
        if not isinstance(pause, int | float) or isinstance(pause, bool) or not 0 < pause <= 60:
            raise ConfigurationError("interval= must be a number of seconds, above 0 and up to 60")
        self._store, self._group = store, ModeGroup.of(store, scheme, environment)
        self._interval, self._on_event = interval, on_event
        self._modes: StoredModes | None = None
        self._problem: str | None = None
        self._asked_at = 0.0
        self._job = Job(_follow(ref(self)), interval, name="countermark-mode", slow=True)
        self._lock = ProcessLock()
        self._rest()
        call_after_fork(self._rest)
        self._read()

    def _rest(self) -> None:
        """Begin with the next request: for a new switch, and in the child process after a fork."""
        self._begun = False

    def __call__(self, context: ModeContext) -> ModeValue:
        """Return the mode for a request."""
        if not self._begun:
            self._begin()
        stored = self._modes
        if stored is None:
            return "enforce"
        # The request may be one of a tenant that is enforced.
        if "tenant" in context.unknown and may_enforce(stored.tenants.values()):
            return "enforce"
        return stored.of(context.tenant)

    @property
    def depends_on(self) -> list[str]:
        """The attributes of a context for which there are modes of their own."""
        stored = self._modes
        return ["tenant"] if stored is not None and stored.tenants else []

    @property
    def stored(self) -> StoredModes | None:
        """The modes that this process follows; None: it has not read any, and enforces.

        A probe may ask for it before there are requests: while it is None, this begins to follow.
        """
        if self._modes is None and not self._begun:
            with self._lock:
                self._begun = self._job.wake()
        return self._modes

    def require_fit(self, verifier: Verifier) -> None:
        """Refuse a verifier of another scheme or environment.

        Raises:
            ConfigurationError: They differ, so the switch would be that of other requests.
        """
        if (verifier.scheme.slug, verifier.environment or None) != self._group[:2]:
            raise ConfigurationError(
                "mode= is a ModeSwitch of another scheme or environment than the verifier's"
                f" ({verifier.scheme.slug}, environment {verifier.environment or 'None'}); build"
                " it for the same"
            )

    def _begin(self) -> None:
        """Follow the modes in this process, from its first request on."""
        with self._lock:  # of several threads the first one reads, and the others wait
            is_enforced = self._modes is not None and self._modes.strictest
            if not is_enforced and time.monotonic() - self._asked_at > _FRESH:
                self._read()
            # If the system refuses a thread, the next request tries again.
            self._begun = self._job.wake()

    def _read(self) -> None:
        """Read the modes if they have changed, and report a change or a problem."""
        known = self._modes
        try:
            stored = read_stored(self._store, self._group, known)
        except StoreUnavailable as error:
            self._report("mode_unavailable", error.kind)
        except Unusable as error:
            self._report(error.reason)
        else:
            at_start = known is None and self._problem is None
            self._problem = None
            if stored is not known:
                self._modes = stored
                if not at_start:
                    self._report_change(known or _ENFORCED, stored)
        self._asked_at = time.monotonic()
        # Processes that start at once should not ask at once.
        self._job.interval = self._interval * jitter.uniform(0.5, 1.0)

    def _report(self, reason: str, error: str | None = None) -> None:
        if reason != self._problem:
            self._problem = reason
            emit(Event("failed", reason, self._group.scheme, error=error), self._on_event)

    def _report_change(self, before: StoredModes, after: StoredModes) -> None:
        named = {*before.tenants, *after.tenants}
        tenants = sum(before.tenants.get(one) != after.tenants.get(one) for one in named)
        modes = str(before.mode), str(after.mode)
        if tenants or modes[0] != modes[1]:
            change = ModeChanged(*modes, tenants, self._group.environment, after.by)
            reason = modes[1].partition(" ")[0]
            emit(Event("mode_changed", reason, self._group.scheme, change=change), self._on_event)

    def __repr__(self) -> str:
        mode = "enforce, as none is known" if self._modes is None else self._modes.mode
        return f"<ModeSwitch {self._group.scheme} mode={mode}>"


def _follow(found: ref[ModeSwitch]) -> Callable[[], bool]:
    """Return the function of the job. It ends when the switch is no longer in use."""

    def run() -> bool:
        switch = found()
        if switch is None:
            return False
        switch._read()  # noqa: SLF001  # the class is in this module
        return True

    return run
