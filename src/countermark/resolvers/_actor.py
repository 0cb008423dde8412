"""The actor of a principal: the member of staff who acts as the user."""

from __future__ import annotations

from typing import Any

from countermark.errors import InvalidPrincipal
from countermark.principal import identifier_text

#: The actor if an application records that staff act as a user, but not their id.
UNKNOWN_ACTOR = "unknown"


def actor_text(value: Any) -> str | None:
    """Return the text for ``Principal(actor=)`` from a value that an application recorded.

    Args:
        value: The id of the member of staff, or another mark such as True. None,
            False and empty texts and containers mean that no staff act as the user.

    Returns:
        The id as text, :data:`UNKNOWN_ACTOR` for a mark that is not a valid id, or
        None. A mark that is not an id still counts, so that it withholds the token.
    """
    if value is None or value is False:
        return None
    if isinstance(value, (str, list, tuple, dict, set, frozenset)) and not value:
        return None
    try:
        return identifier_text(value)
    except InvalidPrincipal:
        return UNKNOWN_ACTOR
