"""A delivery as it came, up to its body, with headers that can be told from one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from countermark.webhooks._results import Refused

Text: TypeAlias = "str | bytes"
Headers: TypeAlias = "Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[Text, Text]]"


class Misused(Exception):  # it never leaves the package
    """What was given as a delivery is none, whoever sent it."""


class Received:
    """What stands before the body of a delivery, from whomever."""

    __slots__ = ("_values", "method", "path")

    method: str
    path: str

    def __init__(self, headers: Headers, method: Text, path: Text) -> None:
        self._values: dict[str, list[tuple[str, str]]] = {}
        for name, value in _pairs(headers):
            lower = name.lower()
            self._values.setdefault(lower.replace("_", "-"), []).append((lower, value))
        self.method, self.path = _text(method), _text(path)

    def maybe(self, name: str, *, commas: int | None = 0) -> str | None:
        """Return the value of the header *name*, in lower case, or None.

        Some servers and proxies join two headers by a comma, and some take an
        underscore for a hyphen; so a second value can hide in either.

        Args:
            name: The name, with hyphens.
            commas: How many commas one value has at most; None: any number.

        Raises:
            Refused: There are two values, or it is spelled with underscores.
        """
        found = self._values.get(name.replace("_", "-"))
        if found is None:
            return None
        spelled, value = found[0]
        if len(found) > 1 or spelled != name:
            raise Refused("ambiguous")
        if commas is not None and value.count(",") > commas:
            raise Refused("ambiguous")
        return value

    def one(self, name: str, *, commas: int | None = 0) -> str:
        """Return the value of the header *name*, as ``maybe``.

        Raises:
            Refused: As for ``maybe``, or it is not there.
        """
        value = self.maybe(name, commas=commas)
        if value is None:
            raise Refused("missing")
        return value


def _pairs(headers: Any) -> Iterable[tuple[str, str]]:
    # Mappings of frameworks may hold a name twice, and show that in their items alone.
    pairs = headers.items() if hasattr(headers, "items") else headers
    if not isinstance(pairs, Iterable) or isinstance(pairs, str | bytes):
        raise Misused("headers= must be a mapping, or pairs of names and values")
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise Misused("headers= must be a mapping, or pairs of names and values")
        yield _text(pair[0]), _text(pair[1]).strip(" \t")


def _text(value: object) -> str:
    # Latin-1 is how servers give text, and undoes it.
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise Misused("the names and values of headers=, method= and path= are text or bytes")
    return value


def read_body(body: object) -> bytes:
    """Return the bytes of a body.

    Raises:
        Refused: It is text that no bytes stand for.
        Misused: It is neither text nor bytes.
    """
    if isinstance(body, str):
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise Refused("malformed") from None
    if not isinstance(body, bytes | bytearray | memoryview):
        raise Misused("body= must be the bytes that came, as they were before anybody parsed them")
    return bytes(body)
