"""A table of a scheme, read key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from countermark._redaction import shown
from countermark.errors import InvalidScheme

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Table:
    """A TOML table whose keys are taken one by one, so that unknown ones are left over."""

    def __init__(self, where: str, data: object) -> None:
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            raise InvalidScheme(f"{where}: expected a table; write its entries as `key = value`")
        self.where = where
        self.left = dict(data)
        self._known: set[str] = set()

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        self._known.add(key)
        value = self.left.pop(key, default)
        if value is None:
            raise InvalidScheme(f"{self.where}: {key} is missing; add it")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InvalidScheme(f"{self.where}: {key} must be of type {kind.__name__}")
        return value

    def maybe(self, key: str, kind: type[T]) -> T | None:
        self._known.add(key)
        return self.take(key, kind) if key in self.left else None

    def choose(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.take(key, str, default)
        if value not in choices:
            raise InvalidScheme(f"{self.where}: {key} must be one of {', '.join(choices)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, [])
        if not all(isinstance(value, str) and value for value in values):
            raise InvalidScheme(f"{self.where}: {key} must be a list of texts that are not empty")
        return tuple(values)

    def table(self, key: str) -> Table:
        return Table(f"{self.where}: [{key}]", self.take(key, dict, {}))

    def tables(self) -> dict[str, Table]:
        """Take all that is left, as tables by name."""
        named = {}
        for name in list(self.left):
            if not _NAME.fullmatch(name):
                raise InvalidScheme(
                    f"{self.where}: the name of an entry is invalid; use a lower-case letter,"
                    " then lower-case letters, digits and underscores"
                )
            named[name] = Table(f"{self.where[:-1]}.{name}]", self.left.pop(name))
        return named

    def close(self) -> None:
        if self.left:
            given, known = shown(min(self.left), self._known), ", ".join(sorted(self._known))
            raise InvalidScheme(f"{self.where}: unknown key {given}; the keys are {known}")
