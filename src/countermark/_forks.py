"""The methods that are called in a forked child, where the threads of the parent do not run."""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakMethod

_methods: set[WeakMethod[Callable[[], None]]] = set()


def call_after_fork(method: Callable[[], None]) -> None:
    """Call a bound method in each forked child, as long as its object is in use.

    It must not wait for a lock, which a thread of the parent may have held during the fork.
    """
    _methods.add(WeakMethod(method, _methods.discard))


def _after_fork() -> None:
    for method in filter(None, [weak() for weak in list(_methods)]):
        method()


# Some systems have no fork.
getattr(os, "register_at_fork", lambda **hooks: None)(after_in_child=_after_fork)
