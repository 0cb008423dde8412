"""Calls of blocking functions from coroutines, under asyncio and trio."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what *function* returns. It runs in a thread of asyncio or trio.

    Raises:
        RuntimeError: Neither of the two runs the caller.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        found: T = await trio.to_thread.run_sync(lambda: function(*args, **kwargs))
        return found
    from asgiref.sync import sync_to_async  # late, as it imports asyncio

    # Not thread-sensitive: calls would wait for one another.
    return await sync_to_async(function, thread_sensitive=False)(*args, **kwargs)
