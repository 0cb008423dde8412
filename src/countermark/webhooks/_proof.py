"""What a delivery proves, and which one it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from countermark.webhooks._candidate_keys import Candidate
from countermark.webhooks._parts import Id
from countermark.webhooks._request_head import Received


class Proof(NamedTuple):
    """The key that a delivery was made with, when that was, and the id of the delivery."""

    key: Candidate
    timestamp: float | None
    delivery_id: str | None


#: From the body to what a delivery proves; raises Refused. How old it is, it does not say.
Rest: TypeAlias = Callable[[bytes], Proof]
#: From what stands before the body, and the time, to the rest; raises Refused.
Check: TypeAlias = Callable[[Received, float], Rest]


def read_delivery_id(place: Id | None, received: Received, body: bytes) -> str | None:
    """Return the id of a delivery that is not signed as such; None where it has none.

    Whatever the vendor has written there: the delivery is proved without it.

    Raises:
        Refused: The header came twice.
    """
    if place is None:
        return None
    text = received.maybe(place.header) if place.header else _in_json(place.body, body)
    # Else the first one with an empty id would stand for all.
    return text or None


def _in_json(name: str, body: bytes) -> str | None:
    import json  # late, as it is slow to import

    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None  # the vendor's business: what it has made need not be JSON
    value = content.get(name) if isinstance(content, dict) else None
    if isinstance(value, bool):
        return None
    return str(value) if isinstance(value, str | int) else None
