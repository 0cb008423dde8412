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
    size = max(len(request.parameters) // 2, 1)
    while request.parameters and trials > 0:
        for start in range(0, len(request.parameters), size):
            kept = request.parameters[:start] + request.parameters[start + size :]
            smaller = request._replace(parameters=kept)
            trials -= 1
            if shows_fault(smaller):
                request = smaller
                break
            if trials == 0:
                break
        else:
            if size == 1:
                break
            size //= 2
    return request
