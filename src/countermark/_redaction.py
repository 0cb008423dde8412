"""Keeps arguments, which may be secrets, out of messages and tracebacks."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from types import TracebackType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# The maximum length of a repeated name. Generated secrets are longer, or unlike each known name.
_LONGEST = 40
_HIDDEN = "<not shown, as it may be a secret>"
# The least similarity of a name to a known one: 0.7 allows for one or two typing errors.
_ALIKE = 0.7
# Names such as STIGG_SIGNING_SECRET_FILE: words without digits, then a kind of secret. The
# last part of a generated secret is random.
# Not compiled at import: that would take longer than the rest of this module.
_VARIABLE = (
    r"(?!.{64})([A-Z]{1,16}_){1,6}(SECRET|KEY|TOKEN|PEM|PASSWORD|ID)"
    r"(_(FILE|PREVIOUS|NEXT|TEST|LIVE|SANDBOX|STAGING|PROD|PRODUCTION|DEV))*"
)


def shown(given: object, known: Iterable[str]) -> str:
    """Return *given* in quotes if it resembles a name in *known*; otherwise a fixed text."""
    if isinstance(given, str) and len(given) <= _LONGEST:
        from difflib import get_close_matches  # late, as only mistakes need it

        if get_close_matches(given.lower(), map(str.lower, known), n=1, cutoff=_ALIKE):
            return repr(given)
    return _HIDDEN


def shown_variable(name: object) -> str:
    """Return *name* if it resembles an environment variable; otherwise a fixed text."""
    if isinstance(name, str) and re.fullmatch(_VARIABLE, name):
        return name
    return _HIDDEN


def shown_file(path: object) -> str:
    """Return the name of the file if it resembles one of TOML; otherwise a fixed text."""
    name = str(path).replace("\\", "/").rpartition("/")[2]
    return name if len(name) <= _LONGEST and name.endswith(".toml") else _HIDDEN


def place_in(error: Exception) -> str:
    """Return the place of an error in a TOML text. The rest of its message may quote the text."""
    found = re.search(r"\(at (line \d+, column \d+)\)|\(at (end of document)\)", str(error))
    return f" at {found[1] or 'its end'}" if found else ""


def guarded(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap *function* so that its errors carry no argument in their frames.

    Error trackers send the local variables of each frame of a traceback. When an error
    leaves *function*, the frames from there on are cleared, and an error of this package
    loses the exception that it replaces, because its message may quote the argument. The
    place of the error stays.
    """

    @wraps(function)
    def call(*given: P.args, **named: P.kwargs) -> T:
        handled = sys.exception()  # an error of the caller, which stays unchanged
        try:
            return function(*given, **named)
        except BaseException as error:
            del given, named
            _forget(error, handled)
            raise

    return call


def _forget(error: BaseException, handled: BaseException | None) -> None:
    found: BaseException | None = error
    while found is not None and found is not handled:
        _clear(found.__traceback__)
        if found.__suppress_context__ and found.__cause__ is None:
            found.__context__ = None
        found = found.__cause__ or found.__context__


def _clear(traceback: TracebackType | None) -> None:
    while traceback is not None:
        with suppress(RuntimeError):  # it is still running
            traceback.tb_frame.clear()
        traceback = traceback.tb_next
