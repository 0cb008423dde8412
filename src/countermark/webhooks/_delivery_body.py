"""The body of a delivery: its bytes, and the members of its JSON."""

from __future__ import annotations

from typing import Any

from countermark.errors import ConfigurationError
from countermark.webhooks._results import Refusal


class Body:
    """The body of a delivery, which is parsed at most once.

    Args:
        content: The bytes, which need not be JSON.
    """

    __slots__ = ("_parsed", "content")

    _parsed: Any

    def __init__(self, content: bytes) -> None:
        self.content = content

    def member(self, name: str) -> str | int | None:
        """Return a text or a whole number of the JSON, or None.

        Args:
            name: The name of the member. A dot leads into an inner object.
        """
        if not hasattr(self, "_parsed"):
            self._parsed = _parse(self.content)
        value = self._parsed
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def read_body(body: object) -> Body | Refusal:
    """Return a body, or a refusal if it is text that cannot be encoded.

    Raises:
        ConfigurationError: The body is neither text nor bytes.
    """
    if isinstance(body, str):
        try:
            return Body(body.encode())
        except UnicodeEncodeError:
            return Refusal("malformed")
    if not isinstance(body, bytes | bytearray | memoryview):
        raise ConfigurationError("body= must be the bytes of the request, before any parsing")
    return Body(bytes(body))


def _parse(content: bytes) -> Any:
    """Return the value of a JSON text; None: it is not JSON."""
    import json  # late, as it is slow to import

    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
