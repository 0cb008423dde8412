"""Reads the keys of a source again and again, and gives new ones to all that use them."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Final, NamedTuple, TypeAlias

from countermark._background import Job
from countermark._forks import call_after_fork
from countermark.errors import ConfigurationError
from countermark.events import Event, EventName, OnEvent, emit
from countermark.keys._keyring import Keyring
from countermark.keys._sources import Source, Unavailable

#: Takes the watch and its new keys, checks them, and returns the function that puts them into use.
#: The check raises ConfigurationError, and that function nothing.
Prepare: TypeAlias = "Callable[[Watch, Keyring], Callable[[], None]]"

#: Called when the watch has started in this process, and when a fork has ended it.
Notify: TypeAlias = "Callable[[], None]"


# The most seconds that threads wait for another one that starts the watch.
_PATIENCE: Final = 1.0


class _Failure(NamedTuple):
    """The reason why new keys are not in use. It shows no secret."""

    reason: str
    error: str
    hint: str | None = None


class Watch:
    """The keys of a source, and all that use them.

    New keys are put into use by all users or, if one of them refuses the keys, by none. Nothing
    is read before the first use in a process, which calls :meth:`start`. Users are held weakly.

    Args:
        source: The source.
        interval: The seconds between two reads.
        on_event: Called with the events ``rotated`` and ``failed``.

    Raises:
        Exception: The source cannot be read, or has an invalid key.
    """

    __slots__ = (
        "__weakref__",
        "_failure",
        "_job",
        "_latest",
        "_on_event",
        "_reading",
        "_source",
        "_starting",
        "_users",
        "_waited_until",
        "is_started",
        "now",
    )

    #: The keys in use.
    now: Keyring
    #: Whether the source is watched in this process.
    is_started: bool

    def __init__(self, source: Source, interval: float, on_event: OnEvent | None) -> None:
        self._source, self._on_event = source, on_event
        self.now = source.read()
        self.is_started = False
        self._reading, self._starting = threading.RLock(), threading.RLock()
        self._waited_until = inf
        self._failure: _Failure | None = None
        # What the last read found, as far as the file may have been half written.
        self._latest: object = _summary(self.now)
        self._users: dict[int, tuple[_WeakUser, str]] = {}
        weak = weakref.ref(self)
        self._job = Job(
            lambda: _read_in_background(weak),
            interval,
            name="countermark-keys",
            slow=not source.is_file,
        )
        call_after_fork(self._begin_again)

    def attach(
        self, ring: Keyring, prepare: Prepare, notify: Notify | None = None, *, scheme: str = ""
    ) -> None:
        """Add a user of the keys: an object with the methods *prepare* and *notify*.

        Args:
            ring: The keys that the user has been made with.
            prepare: A bound method, see :data:`Prepare`.
            notify: A bound method, see :data:`Notify`; also called at once.
            scheme: The name of the scheme of the keys, for events.
        """
        users, number = self._users, next(_numbers)
        user = _WeakUser(
            weakref.WeakMethod(prepare, lambda dead: users.pop(number, None)),
            None if notify is None else weakref.WeakMethod(notify),
        )
        with _changing.lock:
            users[number] = (user, scheme)
            if self.now is not ring:  # they have changed in the meantime
                prepare(self, self.now)()
            if notify is not None:
                notify()

    def start(self) -> None:
        """Watch the source in this process from now on.

        Threads that come meanwhile wait for the first read, so that none uses older keys. All
        together they do so for a second: a disk may hang, and a hook may wait for them.
        """
        starting = self._starting  # a fork may replace it
        until = self._waited_until
        if not starting.acquire(timeout=max(0.0, min(_PATIENCE, until - time.monotonic()))):
            return
        try:
            if not self.is_started:
                self._start()
        finally:
            starting.release()

    def _start(self) -> None:
        self._waited_until = time.monotonic() + _PATIENCE
        # A process may have waited long for its first request.
        if self._source.is_file:
            self.refresh()
        # If the system refuses a thread, or uWSGI has not forked yet, the next use tries again.
        if self._job.start() if self._source.is_file else self._job.wake():
            with _changing.lock:
                self.is_started = True
                self._notify()

    def refresh(self) -> bool:
        """Read the source now; return whether the keys in use are those of the source."""
        with self._reading:
            found = self._found()
            # Files may be replaced one after the other, in between two reads.
            for _ in range(10):
                before, found = found, self._found() if self._source.is_file else found
                if _summary(before) == _summary(found):
                    break
            return self._take(found)

    def read_in_background(self) -> None:
        """Read the source; use new keys of files once two reads have found the same."""
        with self._reading:
            found = self._found()
            latest, self._latest = self._latest, _summary(found)
            if latest == self._latest or not self._source.is_file:
                self._take(found)

    def _begin_again(self) -> None:
        """Stop in a forked child, where no job has started, until the next use."""
        _changing.lock = threading.RLock()
        self._reading, self._starting = threading.RLock(), threading.RLock()
        self._waited_until = inf
        self.is_started = False
        self._notify()

    def _notify(self) -> None:
        for user, _ in list(self._users.values()):
            notify = None if user.notify is None else user.notify()
            if notify is not None:
                notify()

    def _found(self) -> Keyring | _Failure:
        try:
            return self._source.read()
        except Unavailable as error:
            return _Failure("keys_unavailable", error.kind, str(error))
        except ConfigurationError as error:
            return _Failure("keys_refused", type(error).__name__, str(error))
        except Exception as error:  # the message may quote a secret
            return _Failure("keys_unavailable", type(error).__name__)

    def _take(self, found: Keyring | _Failure) -> bool:
        """Use the keys that were found, and report a change; return whether they are in use."""
        if isinstance(found, _Failure):
            return self._fail(found)
        before = self.now
        if _summary(found) == _summary(before):
            if self._failure is not None:
                self._report("rotated", "restored", found)
            return True
        try:
            self._swap(found)
        except ConfigurationError as error:
            return self._fail(_Failure("keys_refused", type(error).__name__, str(error)))
        except Exception as error:
            return self._fail(_Failure("keys_refused", type(error).__name__))
        changed = before.current.key_id != found.current.key_id
        self._report("rotated", "current" if changed else "accepted", found)
        return True

    def _swap(self, ring: Keyring) -> None:
        with _changing.lock:
            found = [user.prepare() for user, _ in list(self._users.values())]
            commits = [prepare(self, ring) for prepare in found if prepare is not None]
            for commit in commits:
                commit()
            # Last: a fork or a signal handler in between leaves a change that the next read ends.
            self.now = ring

    def _report(self, name: EventName, reason: str, ring: Keyring) -> None:
        self._failure = None
        keys = " ".join(f"{role}={key.key_id}" for role, key in ring.by_role())
        emit(Event(name, reason, self._scheme, keys=keys), self._on_event)

    def _fail(self, failure: _Failure) -> bool:
        if failure != self._failure:
            self._failure = failure
            reason, error, hint = failure
            event = Event("failed", reason, self._scheme, error=error, hint=hint)
            emit(event, self._on_event)
        return False

    @property
    def _scheme(self) -> str | None:
        """The scheme of the keys, if all users have the same."""
        schemes = {scheme for _, scheme in list(self._users.values()) if scheme}
        return schemes.pop() if len(schemes) == 1 else None


class _WeakUser(NamedTuple):
    """The methods of a user. They do not keep it alive."""

    prepare: weakref.WeakMethod[Prepare]
    notify: weakref.WeakMethod[Notify] | None


class _Changing:
    """The lock under which keys change, one watch at a time: a user may have keys of several."""

    def __init__(self) -> None:
        self.lock = threading.RLock()


_changing = _Changing()
_numbers = count()


def _summary(found: Keyring | _Failure) -> object:
    """Return what two reads have in common if they found the same."""
    if isinstance(found, _Failure):
        return found
    return [(role, key.key_id, key.until) for role, key in found.by_role()]


def _read_in_background(weak: weakref.ref[Watch]) -> bool:
    watch = weak()
    if watch is None:
        return False
    watch.read_in_background()
    return True
