"""A table of a scheme, read key by key. Faults are collected, so that all can be reported."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any, NamedTuple, TypeAlias, TypeVar

from countermark._redaction import shown
from countermark.errors import InvalidScheme
from countermark.schemes._templates import Template

T = TypeVar("T")

#: The keys and numbers that lead to a place in a file: ``("vectors", 0, "secret")``.
Path: TypeAlias = tuple[str | int, ...]

#: The name of a value, a setting or a further message, as placeholders contain it.
NAME = "[a-z][a-z0-9_]*"
#: The name of a scheme.
SLUG = "[a-z0-9]+(-[a-z0-9]+)*"
#: The types of values, in messages.
_TYPES = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}

_OfText: TypeAlias = Callable[[str, Path, str], Any]


class Fault(NamedTuple):
    """A mistake in the structure of a scheme: its place, and a message that names the key."""

    path: Path
    message: str


def raise_first(faults: list[Fault]) -> None:
    """Raise the first of *faults* as an ``InvalidScheme``, if there is one."""
    if faults:
        raise InvalidScheme(faults[0].message)


def slug_of(top: Table, what: str) -> str:
    """Take the name of a scheme, and begin the messages of *top* with it."""
    slug = top.left.pop("slug", None) if top.has("slug") else None
    if not isinstance(slug, str) or not re.fullmatch(SLUG, slug):
        top.where = "slug"
        top.fault("invalid name for a scheme; use lower-case letters, digits and hyphens", "slug")
        slug = "unnamed"
    top.where = f"{what} {slug}"
    return slug


class Table:
    """A TOML table whose keys are taken one by one, so that unknown ones are left over.

    Reading goes on after a fault, with a stand-in for the value. A table that is a stand-in has
    a list of faults of its own, which is not reported.

    Args:
        where: The beginning of messages.
        data: The table.
        faults: The list to which faults are added.
        path: The place of the table.
        is_open: True if the table may have any keys. Messages do not contain those.
    """

    def __init__(
        self,
        where: str,
        data: object,
        faults: list[Fault],
        path: Path = (),
        *,
        is_open: bool = False,
    ) -> None:
        self.where = where
        self._is_open = is_open
        self.left: dict[str, Any] = {}
        self._faults = faults
        self._path = path
        self._known: set[str] = set()
        if isinstance(data, Mapping) and all(isinstance(key, str) for key in data):
            self.left.update(data)
        else:
            self.fault("expected a table; write its entries as `key = value`")
            self._faults = []

    def fault(self, problem: str, *keys: str | int) -> None:
        """Add a fault of the table, or of the place in it to which *keys* lead."""
        self._faults.append(Fault((*self._path, *keys), f"{self.where}: {problem}"))

    def _label(self, key: str) -> str:
        return "an entry" if self._is_open else key

    def has(self, key: str) -> bool:
        """Return True if *key* is there, which is a key of the table."""
        self._known.add(key)
        return key in self.left

    def maybe(self, key: str, kind: type[T]) -> T | None:
        if not self.has(key):
            return None
        value = self.left.pop(key)
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        self.fault(f"{self._label(key)} must be {_TYPES[kind]}", key)
        return None

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        if default is None:
            self._require(key)
        value = self.maybe(key, kind)
        if value is not None:
            return value
        return kind() if default is None else default

    def _require(self, key: str) -> None:
        if not self.has(key):
            self.fault(f"{key} is missing; add it", key)

    def choose(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        before = len(self._faults)
        value = self.take(key, str, default)
        if value in choices:
            return value
        if len(self._faults) == before:
            self.fault(f"{key} must be one of {', '.join(choices)}", key)
        return choices[0]

    def whole(
        self, key: str, least: int, most: int | None = None, *, required: bool = False
    ) -> int | None:
        """Take a whole number from *least* to *most*, if it is there."""
        if required:
            self._require(key)
        value = self.maybe(key, int)
        if value is None or least <= value <= (value if most is None else most):
            return value
        bounds = f"{least} on" if most is None else f"{least} to {most}"
        self.fault(f"{key} must be a whole number from {bounds}", key)
        return None

    def matching(self, key: str, pattern: str, form: str, *, required: bool = False) -> str | None:
        """Take a text that matches *pattern*, if it is there; *form* describes the pattern."""
        if required:
            self._require(key)
        value = self.maybe(key, str)
        if value is None or re.fullmatch(pattern, value):
            return value
        self.fault(f"{key}: {form}", key)
        return None

    def filled(self, key: str, *, required: bool = False) -> str:
        """Take a text that is not empty. The default is "" if it is not required."""
        form = "the text is empty; write one" + ("" if required else ", or leave the key out")
        return self.matching(key, r"[\s\S]+", form, required=required) or ""

    def day(self, key: str) -> Any:
        """Take a date, if it is there. JSON has no dates, so a text in that form is accepted."""
        from datetime import date, datetime  # late, as it is slow to import

        value = self.left.pop(key, None) if self.has(key) else None
        if isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            with suppress(ValueError):
                return date.fromisoformat(value)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            self.fault(f"{key} must be a date, such as 2026-01-31", key)
            return None
        return value

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        if required and self.left.get(key) == []:
            self.fault(f"{key} is empty; add an entry", key)
        values = self.take(key, list, None if required else [])
        wrong = [n for n, value in enumerate(values) if not (isinstance(value, str) and value)]
        for number in wrong:
            self.fault(
                f"{self._label(key)} must be a list of texts that are not empty", key, number
            )
        return () if wrong else tuple(values)

    def data(self, key: str, kind: type[T]) -> T | None:
        """Take a value that JSON can hold, if it is there."""
        value = self.maybe(key, kind)
        if value is not None:
            self._build(value, lambda text, path, where: text, (key,), key)
        return value

    def templates(self, key: str, *kinds: type, default: Any = None) -> Any:
        """Take a structure of one of the types *kinds*, with its texts parsed to templates."""
        if default is None:
            self._require(key)
        value = self.left.pop(key, default) if self.has(key) else default
        if isinstance(value, kinds):
            return self._build(value, self._template, (key,), self._label(key))
        if value is not None:
            types = " or ".join(_TYPES[kind] for kind in kinds)
            self.fault(f"{self._label(key)} must be {types}", key)
        return Template(()) if str in kinds else {}

    def all_templates(self) -> dict[str, Any]:
        """Take all that is left, with its texts parsed to templates."""
        left, self.left = self.left, {}
        return {
            key: self._build(value, self._template, (key,), f"entry {number}")
            for number, (key, value) in enumerate(left.items(), 1)
        }

    def _build(self, value: Any, text: _OfText, path: Path, where: str) -> Any:
        """Return a structure with *text* applied to its texts."""
        if isinstance(value, str):
            return text(value, path, where)
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {
                key: self._build(inner, text, (*path, key), f"{where}: entry {number}")
                for number, (key, inner) in enumerate(value.items(), 1)
            }
        if isinstance(value, list):
            return [
                self._build(inner, text, (*path, number), where)
                for number, inner in enumerate(value)
            ]
        if not (isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value))):
            self.fault(
                f"{where}: JSON cannot hold a {type(value).__name__}; use text, a number, true or"
                " false, a list or a table",
                *path,
            )
        return value

    def _template(self, text: str, path: Path, where: str) -> Template:
        try:
            return Template.parse(text, f"{self.where}: {where}")
        except InvalidScheme as error:
            self._faults.append(Fault((*self._path, *path), str(error)))
            return Template(())

    def table(self, key: str, *, is_open: bool = False) -> Table:
        where, given = f"{self.where}: [{key}]", self.has(key)
        value = self.maybe(key, dict)
        if given and value is None:
            return Table(where, {}, [])
        path = (*self._path, key)
        return Table(where, value or {}, self._faults, path, is_open=is_open)

    def tables(self) -> dict[str, Table]:
        """Take all that is left, as tables by name."""
        return {
            name: Table(
                f"{self.where[:-1]}.{name}]",
                self.left.pop(name),
                self._faults,
                (*self._path, name),
            )
            for name in self.names()
        }

    def list_of_tables(self, key: str) -> Iterator[Table]:
        for number, item in enumerate(self.take(key, list, [])):
            path = (*self._path, key, number)
            yield Table(f"{self.where}: [[{key}]]", item, self._faults, path)

    def names(self) -> list[str]:
        """Return the names that are left, without invalid ones."""
        for name in [name for name in self.left if not re.fullmatch(NAME, name)]:
            del self.left[name]
            self.fault(
                "the name of an entry is invalid; use a lower-case letter, then lower-case"
                " letters, digits and underscores",
                name,
            )
        return list(self.left)

    def close(self) -> None:
        known = ", ".join(sorted(self._known))
        for key in self.left:
            self.fault(f"unknown key {shown(key, self._known)}; the keys are {known}", key)
