"""The method, path and headers of a delivery, before its body is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from countermark.errors import ConfigurationError
from countermark.webhooks._results import Refused

Text: TypeAlias = "str | bytes"
Headers: TypeAlias = "Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[Text, Text]]"


class RequestHead:
    """The method, path and headers of a delivery that is not verified yet.

    A class with slots, not a NamedTuple: error trackers print the items of a tuple, and a
    header may hold the secret.

    Raises:
        ConfigurationError: An argument has the wrong type.
    """

    __slots__ = ("_headers", "method", "path")

    def __init__(self, headers: Headers, method: Text, path: Text) -> None:
        self._headers: dict[str, list[tuple[str, str]]] = {}
        for name, value in _pairs(headers):
            lower = name.lower()
            self._headers.setdefault(lower.replace("_", "-"), []).append((lower, value))
        self.method, self.path = _text(method), _text(path)

    def get(self, name: str, *, max_commas: int | None = 0) -> str | None:
        """Return the value of a header, or None.

        Some servers and proxies join two headers by a comma, and some replace hyphens by
        underscores; so a second value can hide in either.

        Args:
            name: The name in lower case, with hyphens.
            max_commas: The number of commas that one value may contain; None: any number.

        Raises:
            Refused: The header has two values, or is spelled with underscores.
        """
        found = self._headers.get(name)
        if found is None:
            return None
        spelled, value = found[0]
        if len(found) > 1 or spelled != name:
            raise Refused("ambiguous")
        if max_commas is not None and value.count(",") > max_commas:
            raise Refused("ambiguous")
        return value

    def has(self, name: str) -> bool:
        """Tell whether the request has a header, once or more often."""
        return name in self._headers

    def require(self, name: str, *, max_commas: int | None = 0) -> str:
        """Return the value of a header, as ``get`` does.

        Raises:
            Refused: As for ``get``, or the header is missing.
        """
        value = self.get(name, max_commas=max_commas)
        if value is None:
            raise Refused("missing")
        return value


def _pairs(headers: Any) -> Iterable[tuple[str, str]]:
    # A framework's mapping may hold a name twice, and shows that only in its items.
    pairs = headers.items() if hasattr(headers, "items") else headers
    if isinstance(pairs, Iterable) and not isinstance(pairs, str | bytes):
        for pair in pairs:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                break
            yield _text(pair[0]), _text(pair[1]).strip(" \t")
        else:
            return
    raise ConfigurationError("headers= must be a mapping, or pairs of names and values")


def _text(value: object) -> str:
    # Servers decode headers as Latin-1, so this gives the same text as they do.
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise ConfigurationError(
            "the names and values of headers=, method= and path= must be text or bytes"
        )
    return value
