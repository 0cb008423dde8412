"""The base of signers and verifiers: keys that may change while they are in use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from countermark.errors import ConfigurationError
from countermark.keys._keyring import Keyring

if TYPE_CHECKING:
    from countermark.keys._watch import Watch


#: Keys that do not change, and their watch if newer ones may replace them.
KeysNow: TypeAlias = "tuple[Keyring, Watch | None]"


def keys_now(keyring: Keyring) -> KeysNow:
    """Return the keys of *keyring* at this moment, and its watch if they may change."""
    module = sys.modules.get("countermark.keys._watched")  # or nothing is watched
    watch = None if module is None else module.watch_of(keyring)
    return (keyring, None) if watch is None else (watch.now, watch)


def start_watches(watches: Iterable[Watch]) -> None:
    """Start the watches in this process that have not been started.

    To be called before a request takes its keys: the first one in a process has new keys then.
    """
    for watch in watches:
        if not watch.is_started:
            watch.start()


def keyring_of_variable(variable: str, *, watch: bool) -> Keyring:
    """Return the keys of an environment variable, from its files again and again if watched.

    Raises:
        InvalidKey: A secret is missing or invalid.
        ConfigurationError: *watch* is not a bool.
    """
    given: object = watch
    if not isinstance(given, bool):
        raise ConfigurationError("watch= must be True or False")
    if not watch:
        return Keyring.from_env(variable)
    from countermark.keys._watched import WatchedKeyring  # late, as few applications have one

    return WatchedKeyring(variable)


class KeyUser:
    """Makes or checks tokens with the keys of a keyring, which may be a watched one.

    A request must see the keys of one state. So with a watched keyring, requests use
    :attr:`_pinned`: a copy whose keys never change, and which is replaced when they do.

    The fast function of a copy, an attribute of the name :attr:`_FAST`, replaces the method of
    that name once the watch has started in this process. Until then the method is called, and
    starts the watch. So the hot path does not ask whether it has started.
    """

    #: The names of the attributes that depend on the keys.
    _KEYED: ClassVar[tuple[str, ...]]
    #: The name of the method that the fast function replaces.
    _FAST: ClassVar[str]

    # If a keyring is watched: the watches, and the copy for requests. A copy has no copy.
    _watches: tuple[Watch, ...] = ()
    _copy: Self | None = None
    # Whether a watch has to be started in this process.
    _waits: bool = False

    if TYPE_CHECKING:  # each class has its own

        def _fast_function(self) -> Callable[..., Any] | None:
            """Return the fast function for the keys; None: the method is needed."""

        def _change_keys(self, watch: Watch, ring: Keyring) -> None:
            """Use *ring* in place of the keys of *watch*.

            Raises:
                ConfigurationError: The keys do not fit.
            """

    @property
    def _pinned(self) -> Self:
        """The object for a request: its keys do not change. See :func:`start_watches`."""
        copy: Self | None = self._copy
        if copy is None:
            return self
        # A subclass sets attributes after this class has made the copy.
        vars(copy).update({**vars(self), **vars(copy)})
        return copy

    def _follow(self, watches: Mapping[Watch, Keyring], scheme: str) -> None:
        """Use the new keys of *watches* from now on, in place of those that they had."""
        self._watches = tuple(watches)
        vars(self)["_copy"] = self._copied()
        for watch, ring in watches.items():
            watch.attach(ring, self._prepare, self._notify, scheme=scheme)

    def _copied(self) -> Self:
        copied = object.__new__(type(self))
        vars(copied).update(vars(self), _copy=None)
        return copied

    def _prepare(self, watch: Watch, ring: Keyring) -> Callable[[], None]:
        fresh = self._pinned._copied()
        vars(fresh).pop(self._FAST, None)
        fresh._change_keys(watch, ring)

        def commit() -> None:
            vars(self).update({name: vars(fresh)[name] for name in self._KEYED}, _copy=fresh)
            self._notify()

        return commit

    def _notify(self) -> None:
        """Let requests use the fast function if all watches have started."""
        copy = self._pinned
        fast = copy._fast_function()
        self._waits = copy._waits = not all(watch.is_started for watch in self._watches)
        if fast is not None and not self._waits:
            vars(copy)[self._FAST] = fast
        else:
            vars(copy).pop(self._FAST, None)
