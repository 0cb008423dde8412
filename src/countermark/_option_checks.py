"""Checks of options that more than one package takes."""

from __future__ import annotations

from collections.abc import Callable
from sys import modules
from typing import Any

from countermark.errors import ConfigurationError


def checked_clock(clock: Any) -> Callable[[], float]:
    """Return the clock."""
    if not callable(clock):
        raise ConfigurationError("clock= must be callable and return seconds since the epoch")
    return clock  # type: ignore[no-any-return]


def check_functions(**given: object) -> None:
    """Check that each option is None or a function that is not async."""
    for name, function in given.items():
        if function is not None and (not callable(function) or is_async(function)):
            raise ConfigurationError(f"{name}= must be a function, not async")


def is_redis_store(store: object) -> bool:
    """Tell whether *store* is a RedisStore, without importing its module."""
    # A caller with a RedisStore has imported its module. Other callers do not pay for it.
    module = modules.get("countermark.redis")
    return module is not None and isinstance(store, module.RedisStore)


def is_async(function: object) -> bool:
    """Tell whether *function* returns an awaitable."""
    from inspect import iscoroutinefunction  # late, as it is slow to import

    return iscoroutinefunction(function) or iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # an object with an async __call__
    )
