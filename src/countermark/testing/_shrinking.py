"""Finds the smallest request that still shows a fault."""

from __future__ import annotations

from collections.abc import Callable

from countermark.testing._clients import Request


def smallest(request: Request, shows_fault: Callable[[Request], bool], trials: int) -> Request:
    """Return *request* without the parameters that the fault does not need.

    Args:
        request: A request that shows the fault.
        shows_fault: Sends a request and returns True if it shows the same fault.
        trials: The maximum number of requests to send.
    """
    start, size = 0, max(len(request.parameters) // 2, 1)
    for _ in range(trials):
        parts = request.parameters
        smaller = request._replace(parameters=parts[:start] + parts[start + size :])
        if shows_fault(smaller):
            request = smaller
        else:
            start += size
        if start >= len(request.parameters):
            if size == 1:
                break
            start, size = 0, size // 2
    return request
