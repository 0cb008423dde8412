"""A keyring whose keys change while the process runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from os import PathLike

from countermark._option_checks import check_functions
from countermark._redaction import guarded, shown_variable
from countermark.errors import ConfigurationError, InvalidKey, UnwatchedKeyWarning
from countermark.events import OnEvent
from countermark.keys._keyring import Key, Keyring, Role
from countermark.keys._sources import (
    FILE_INTERVAL,
    FUNCTION_INTERVAL,
    LoadKeys,
    Unavailable,
    VariableSource,
    source_of,
)
from countermark.keys._watch import Watch


class WatchedKeyring(Keyring):
    """A keyring whose keys change while the process runs, without a restart.

    Signers, verifiers and webhook verifiers that are made with it use new keys from one request
    to the next: the keys of one request are of one state of the source. If one of them refuses
    a new key, because it is blank, broken, shorter than the scheme needs or of another
    environment, all keep the keys that they have. The event ``rotated`` reports new keys, and
    ``failed`` with ``keys_refused`` or ``keys_unavailable`` that the keys in use are kept.

    The first use in each process, also in a forked one, starts the watch. It runs in the
    background thread of the process.

    Args:
        source: The name of a variable, as for :meth:`Keyring.from_env`: the files of
            ``NAME_FILE``, ``NAME_PREVIOUS_FILE`` and ``NAME_NEXT_FILE`` are watched, and that of
            a previous or next key may be missing. Without any of them nothing is watched, of which
            an :class:`UnwatchedKeyWarning` warns. Or a function that returns a keyring, a mapping
            from ``current``, ``previous`` and ``next`` to secrets, or the current secret.
        env_file: The path of an environment file to read the variables from instead. Needs the
            extra ``dotenv``.
        interval: The seconds between two reads: by default 1 for files and 300 for a function.
            A change of a file is used once two reads have found the same.
        on_event: Called with the events, in the thread that reads.

    Raises:
        InvalidKey: A secret is missing or invalid.
        ConfigurationError: An argument is invalid.
        Exception: The function raised it, at the first call.
    """

    __slots__ = ("__weakref__", "_watch")

    @guarded
    def __init__(
        self,
        source: str | LoadKeys,
        *,
        env_file: str | PathLike[str] | None = None,
        interval: float | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        check_functions(on_event=on_event)
        found = source_of(source, env_file)
        if interval is None:
            interval = FILE_INTERVAL if found.is_file else FUNCTION_INTERVAL
        given: object = interval
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1e6:
            raise ConfigurationError("interval= must be a number of seconds above 0")
        try:
            self._watch = Watch(found, interval, on_event)
        except Unavailable as error:
            message = f"{error} ({error.kind}); correct the path or the file"
        else:
            if isinstance(found, VariableSource) and not found.has_files:
                warnings.warn(
                    f"the environment variable {shown_variable(source)} holds the secret itself, so"
                    " nothing is watched, and a new secret needs a restart; set the same with"
                    " _FILE to the path of a file that holds it",
                    UnwatchedKeyWarning,
                    stacklevel=3,
                )
            return
        raise InvalidKey(message)

    @classmethod
    @guarded
    def from_env(cls, name: str) -> WatchedKeyring:
        """Return ``WatchedKeyring(name)``."""
        return cls(name)

    @property
    def current(self) -> Key:  # type: ignore[override]
        """The key that signs."""
        return self._watch.now.current

    @property
    def previous(self) -> tuple[Key, ...]:  # type: ignore[override]
        """The keys that signed before."""
        return self._watch.now.previous

    @property
    def next(self) -> tuple[Key, ...]:  # type: ignore[override]
        """The keys that will sign later."""
        return self._watch.now.next

    def by_role(self) -> Iterator[tuple[Role, Key]]:
        """Yield the keys of one moment with their roles; the current key is first."""
        return self._watch.now.by_role()

    def refresh(self) -> bool:
        """Read the source now, and use its keys if they are valid.

        For a signal handler, an admin command or a test. It waits for the function.

        Returns:
            Whether the keys in use are those of the source. An event gives the reason if not.
        """
        return self._watch.refresh()

    def __repr__(self) -> str:
        # A traceback may print a keyring after its constructor failed.
        return f"<Watched{repr(self._watch.now)[1:]}" if hasattr(self, "_watch") else "<Watched…>"


def watch_of(keyring: Keyring) -> Watch | None:
    """Return the watch of *keyring*; None: its keys do not change."""
    return keyring._watch if isinstance(keyring, WatchedKeyring) else None  # noqa: SLF001
