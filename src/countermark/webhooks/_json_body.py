"""Reads single members of a JSON body."""

from __future__ import annotations


def member(name: str, body: bytes) -> str | int | None:
    """Return a text or a whole number of a JSON body, or None.

    Args:
        name: The name of the member. A dot leads into an inner object.
        body: The body, which need not be JSON.
    """
    import json  # late, as it is slow to import

    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None
