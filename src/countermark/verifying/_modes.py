"""The mode of enforcement: a text, a function of the request, or a watched file."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from os import PathLike
from typing import Any, Final, TypeAlias

from countermark._locks import ProcessLock
from countermark._option_checks import check_functions, checked_clock, is_async
from countermark._redaction import guarded, place_in, shown, shown_file
from countermark.errors import ConfigurationError
from countermark.events import Event, OnEvent, emit
from countermark.verifying._checks import checked_seconds
from countermark.verifying._mode_values import (
    EnforcePercent,
    ModeValue,
    may_enforce,
    plain_mode,
    read_mode,
)
from countermark.verifying._origins import checked_origin

# The attribute of a context that each table of the file is about, in order of precedence.
_TABLES: Final = {"tenants": "tenant", "origins": "origin", "environments": "environment"}


class ModeContext:
    """The facts of a request that a mode may depend on. Its representation shows no id."""

    __slots__ = {
        "scheme": "The name of the scheme; None: the tenant, and so the scheme, is unknown.",
        "environment": "The environment of the verifier, or None.",
        "origin": "The origin that the request claims, or None. Programs can send any value.",
        "tenant": "The id of the tenant, or None.",
        "source": "The ASGI scope or the WSGI environ.",
        "unknown": "Those of ``tenant`` and ``environment`` that the request should have, and that"
        " could not be found out, for instance because ``tenant=`` raised.",
    }

    scheme: str | None
    environment: str | None
    origin: str | None
    tenant: str | None
    source: Mapping[str, Any]
    unknown: Container[str]

    def __init__(
        self,
        source: Mapping[str, Any],
        *,
        scheme: str | None = None,
        environment: str | None = None,
        origin: str | None = None,
        tenant: str | None = None,
        unknown: Container[str] = (),
    ) -> None:
        self.source = source
        self.scheme = scheme
        self.environment = environment
        self.origin = origin
        self.tenant = tenant
        self.unknown = unknown

    def __repr__(self) -> str:
        return f"<ModeContext scheme={self.scheme} environment={self.environment}>"


#: The type of ``mode=``.
ModeSetting: TypeAlias = "ModeValue | Callable[[ModeContext], ModeValue]"


def checked_mode(mode: object) -> ModeSetting:
    """Return *mode* if it is a mode, or a function.

    Raises:
        ConfigurationError: It is neither.
    """
    if isinstance(mode, EnforcePercent) or (callable(mode) and not is_async(mode)):
        return mode
    plain = plain_mode(mode)
    if plain is None:
        raise ConfigurationError(
            "mode= must be 'off', 'monitor' or 'enforce', an EnforcePercent, or a function (not"
            " async) that takes a ModeContext"
        )
    return plain


def _mode(mode: object, where: str) -> ModeValue:
    found = read_mode(mode)
    if found is None:
        raise ConfigurationError(
            f"{where} must be 'off', 'monitor', 'enforce', or a percentage such as 'enforce 10%'"
        )
    return found


class ModeFile:
    """A mode that can be changed while the application runs: a small TOML file.

    ``mode = "monitor"`` applies to all requests. The tables ``[tenants]``, ``[origins]``
    and ``[environments]`` may set another mode for some of them, by name; the first table
    in this order that has an entry for the request decides. If ``tenant=`` fails, the entries of
    all tenants count: one that enforces is enough. So do those of all environments, if
    the tenant has no verifier of its own. Programs can send any origin,
    so use a milder mode for an origin only during a transition. A mode may be a percentage of
    the principals, such as ``enforce 10%``: see :class:`EnforcePercent`.

    A mode of a tenant needs ``tenant=`` of the middleware, and one of an environment the
    ``environment=`` of the verifier. Without it such a mode has no effect: the middleware refuses
    the file when it is built, and emits the event ``failed`` if the mode is added later.

    The file is read again at most every *interval* seconds, within a request. If it is
    missing or invalid then, the last modes stay in force and one event reports it. Replace
    the file atomically, as ``mv`` does.

    Args:
        path: The path of the file.
        interval: The time between two reads, in seconds.
        on_event: Called with the event ``failed`` when the file becomes unreadable.
        clock: Returns monotonic seconds.

    Raises:
        ConfigurationError: The file cannot be read, or its content is invalid.
    """

    __slots__ = ("_broken", "_clock", "_due", "_interval", "_lock", "_modes", "_on_event", "_path")

    @guarded
    def __init__(
        self,
        path: str | PathLike[str],
        *,
        interval: float = 1.0,
        on_event: OnEvent | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_functions(on_event=on_event)
        self._interval = interval = checked_seconds(interval, "interval=")
        self._path, self._clock = path, checked_clock(clock)
        self._on_event = on_event
        self._lock = ProcessLock()
        self._broken = False
        self._due = clock() + interval
        self._modes = _read(path)

    def __call__(self, context: ModeContext) -> ModeValue:
        """Return the mode for a request."""
        if self._clock() >= self._due and self._takes_turn():
            self._read_again()
        default, tables = self._modes
        for of, table in tables:
            # The request may be one of those that the table enforces.
            if of in context.unknown and may_enforce(table.values()):
                return "enforce"
            mode = table.get(getattr(context, of))
            if mode is not None:
                return mode
        return default

    @property
    def depends_on(self) -> list[str]:
        """The attributes of a context for which the file has modes."""
        return [of for of, _ in self._modes[1]]

    def _takes_turn(self) -> bool:
        """Tell whether this thread reads the file; the others go on with the last modes."""
        with self._lock:
            now = self._clock()
            if now < self._due:
                return False
            self._due = now + self._interval
            return True

    def _read_again(self) -> None:
        try:
            self._modes = _read(self._path)
            self._broken = False
        except ConfigurationError as error:
            if not self._broken:
                self._broken = True
                cause = getattr(error, "kind", type(error.__cause__ or error).__name__)
                emit(Event("failed", "mode_file", error=cause), self._on_event)

    def __repr__(self) -> str:
        return f"<ModeFile mode={self._modes[0]}>"


class _Unreadable(ConfigurationError):
    """The mode file cannot be read; ``kind`` is the type of the exception behind it."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


def _check_origins(table: Mapping[str, Any]) -> None:
    """Refuse names that are not origins: their modes would never apply."""
    for origin in table:
        if origin != "null":
            try:
                checked_origin(origin)
            except ConfigurationError as error:
                raise ConfigurationError(f"the mode file: [origins]: {error}") from error


_Modes: TypeAlias = "tuple[ModeValue, list[tuple[str, dict[str | None, ModeValue]]]]"


def _read(path: str | PathLike[str]) -> _Modes:
    """Return the default mode and the tables, each with the attribute that it is about.

    The whole file is read each time: its size and date do not show every change.
    """
    import tomllib
    from pathlib import Path

    try:
        if not Path(path).is_file():
            raise FileNotFoundError
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    # A TOMLDecodeError and a UnicodeDecodeError are ValueErrors; the message may quote the path.
    except (OSError, ValueError, RecursionError, TypeError) as error:
        kind, place = type(error).__name__, place_in(error)
        raise _Unreadable(
            f"the mode file {shown_file(path)} cannot be read: {kind}{place}; correct the file or"
            " its path",
            kind,
        ) from None
    default = _mode(data.pop("mode", None), "the mode file: mode")
    tables = []
    for name, of in _TABLES.items():
        table = data.pop(name, {})
        if not isinstance(table, dict):
            raise ConfigurationError(f"the mode file: [{name}] must be a table of names and modes")
        where = f"the mode file: every entry of [{name}]"
        if name == "origins":
            _check_origins(table)
        if table:
            tables.append((of, {key: _mode(mode, where) for key, mode in table.items()}))
    if data:
        known = ["mode", *_TABLES]
        raise ConfigurationError(
            f"the mode file: unknown key {shown(min(data), known)}; the keys are {', '.join(known)}"
        )
    return default, tables
