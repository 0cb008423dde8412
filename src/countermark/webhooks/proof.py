"""What a delivery proves, and which one it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from countermark.webhooks import spelling
from countermark.webhooks.matching import Candidate
from countermark.webhooks.received import Received
from countermark.webhooks.scheme import Id


class Proof(NamedTuple):
    """The key that a delivery was made with, when that was, and the id of the delivery."""

    key: Candidate
    timestamp: float | None
    delivery_id: str | None


#: From a delivery and the time to what it proves; raises Refused. How old it is, it does not say.
Check: TypeAlias = Callable[[Received, float], Proof]


def read_delivery_id(place: Id | None, received: Received) -> str | None:
    """Return the id of a delivery; None where it has none.

    Raises:
        Refused: It is not fit to be one.
    """
    if place is None:
        return None
    text = received.maybe(place.header) if place.header else _in_json(place.body, received.body)
    return None if text is None else spelling.delivery_id(text)


def _in_json(name: str, body: bytes) -> str | None:
    import json  # late, as it is slow to import

    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None  # the vendor's business: what it has made need not be JSON
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, str) else None
