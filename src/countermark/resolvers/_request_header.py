"""One request header that names or proves the user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from countermark._http import REQUEST_HEADER
from countermark.errors import ConfigurationError, CountermarkError


class UntrustedHeader(CountermarkError):
    """A header with the user's id may not come from the trusted proxy.

    The middleware sends the response without a token and emits the event ``failed``, with
    the name of this class or its subclass in ``error``.
    """

    code = "untrusted_header"


class RequestHeader:
    """Reads one header from an ASGI scope or a WSGI environ.

    Args:
        name: The header, for instance ``X-Forwarded-User``.

    Raises:
        ConfigurationError: *name* does not consist of letters, digits and hyphens.
    """

    __slots__ = ("_key", "_wanted", "name")

    def __init__(self, name: str) -> None:
        given: object = name
        if not isinstance(given, str) or not re.fullmatch(REQUEST_HEADER, given):
            raise ConfigurationError(
                "invalid header name; use letters, digits and hyphens, for instance"
                " X-Forwarded-User"
            )
        self.name = name
        self._wanted = name.lower().encode()
        self._key = "HTTP_" + name.upper().replace("-", "_")

    def values(self, source: Mapping[str, Any]) -> list[bytes]:
        """Return the values that are not empty, including those of names with underscores."""
        return [value for _, value in self._fields(source) if value]

    def only_value(self, source: Mapping[str, Any]) -> bytes | None:
        """Return the value, or None if the header is missing or empty.

        Raises:
            UntrustedHeader: The header is a duplicate, or its name has underscores.
        """
        fields = self._fields(source)
        if any(lowered != self._wanted for lowered, _ in fields):
            # A proxy that overwrites one spelling may pass on the other.
            raise UntrustedHeader(
                f"{self.name} was sent with underscores; let the proxy drop that spelling"
            )
        # Servers join repeated headers with a comma.
        if len(fields) > 1 or any(b"," in value for _, value in fields):
            raise UntrustedHeader(
                f"{self.name} was sent more than once; let the proxy overwrite it, not add to it"
            )
        return (fields[0][1] or None) if fields else None

    def _fields(self, source: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
        if "REQUEST_METHOD" in source:
            value = source.get(self._key)
            return [(self._wanted, value.encode("latin-1"))] if value else []
        return [
            (lowered, value)
            for lowered, value in ((name.lower(), value) for name, value in source["headers"])
            if lowered.replace(b"_", b"-") == self._wanted
        ]
