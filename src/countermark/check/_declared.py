"""Builds middlewares of ours that an application declares as a class and its arguments.

Frameworks build them when the server starts or at the first request, and only then raise an
error. Only our own constructors run here, never those of the application.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from countermark._option_checks import is_async
from countermark.check._findings import Finding, finding
from countermark.check._names import names_of
from countermark.errors import ConfigurationError

_OURS = (
    "countermark.asgi.",
    "countermark.wsgi.",
    "countermark.verifying.",
    "countermark.webhooks.",
)


class Built(NamedTuple):
    """A middleware, or the reason why there is none."""

    middleware: object | None = None
    finding: Finding | None = None
    note: str | None = None


def build(cls: Any, arguments: tuple[Any, ...], options: Mapping[str, Any], where: str) -> Built:
    """Build a middleware if its class is ours."""
    if not isinstance(cls, type) or not any(name.startswith(_OURS) for name in names_of(cls)):
        return Built()
    constructor: Any = cls.__init__  # type: ignore[misc]  # of this very class
    if not constructor.__module__.startswith("countermark."):
        return Built(note=f"{where} has a constructor of its own, which does not run here")
    silenced = {**options}
    if callable(options.get("on_event")) and not is_async(options["on_event"]):
        silenced["on_event"] = _ignore
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Built(cls(_no_application, *arguments, **silenced))
    except ConfigurationError as error:
        return Built(finding=_misconfigured(where, str(error)))
    except TypeError:  # its message may quote an argument
        return Built(finding=_misconfigured(where, "its arguments do not fit the constructor"))


def _misconfigured(where: str, problem: str) -> Finding:
    advice = "correct it: it would fail when the server starts, or at the first request"
    return finding("misconfigured", where, problem, advice)


def _ignore(event: object) -> None:
    """Take the place of the application's hook, which must not run."""


async def _no_application(scope: Any, receive: Any, send: Any) -> None:
    """Take the place of the application."""
