"""Writes durations for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a duration in its largest unit of which there are two or more."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} second{'' if int(seconds) == 1 else 's'}"
