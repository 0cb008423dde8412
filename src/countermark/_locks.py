"""Locks that are made late, because of forks and gevent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threading import Lock


class ProcessLock:
    """A lock that is made at its first use in each process.

    A lock that another thread held during a fork is never released in the child. And a lock
    that was made before ``monkey.patch_all()``, as with ``gunicorn --preload -k gevent``, halts
    all greenlets if one that holds it waits for the network.
    """

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[int, Lock] = {}

    def _of_process(self) -> Lock:
        pid = os.getpid()
        found = self._made.get(pid)
        if found is None:
            from threading import Lock  # late, as gevent replaces it, and as it is slow to import

            # Two threads may both make one; one of them is kept.
            found = self._made.setdefault(pid, Lock())
        return found

    def __enter__(self) -> None:
        self._of_process().acquire()

    def __exit__(self, *error: object) -> None:
        self._of_process().release()
