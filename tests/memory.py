"""Measures memory in a process of its own, where no thread of another test allocates."""

from __future__ import annotations

import multiprocessing
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple


class Memory(NamedTuple):
    """What a call returned, and the most bytes that it held at a time."""

    result: Any
    peak: int


def measured(function: Callable[..., Any], *arguments: Any) -> Memory:
    """Call a function of a module, in another process. The second call is measured.

    The first call imports and caches what the second one needs.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure, function, arguments).result(timeout=120)


def _measure(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Memory:
    function(*arguments)
    tracemalloc.start()
    try:
        return Memory(function(*arguments), tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
