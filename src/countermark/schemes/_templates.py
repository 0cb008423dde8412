"""The placeholders of a scheme: ``{id}``, ``{id|email}``, ``{now:ms}``, ``{name?}``.

A placeholder names a value. Of several names, separated by ``|``, the first value that the
principal has is used. ``:`` precedes the format of the value, and ``?`` at the end leaves out
the whole entry if the value is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from countermark._redaction import shown
from countermark.errors import InvalidScheme
from countermark.schemes._formats import FORMATS

_BRACES = r"\{([^{}]*)\}"
#: The name of a value in a placeholder.
PLACEHOLDER_NAME = r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?"
_PLACEHOLDER = rf"({PLACEHOLDER_NAME}(?:\|{PLACEHOLDER_NAME})*)(?::([a-z0-9-]+))?(\?)?"

#: Returns the value of a name, or :data:`MISSING`.
Find = Callable[[str], Any]

MISSING: Any = object()


class MissingValue(Exception):  # private to the package
    """The value of a placeholder is missing."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names


class Placeholder(NamedTuple):
    """One placeholder."""

    names: tuple[str, ...]  #: The names of values, of which the first that is there counts.
    format: str = ""  #: The name of a format of :mod:`countermark.formats`, or "".
    optional: bool = False  #: Whether the entry is left out where the value is missing.

    def __str__(self) -> str:
        written = f":{self.format}" if self.format else ""
        return f"{{{'|'.join(self.names)}{written}{'?' if self.optional else ''}}}"


class Template(NamedTuple):
    """Text with placeholders, in parts."""

    parts: tuple[str | Placeholder, ...]

    @classmethod
    def parse(cls, text: str, where: str) -> Template:
        """Parse *text*.

        Raises:
            InvalidScheme: Text in braces is not a placeholder; the message begins with
                *where*.
        """
        parts: list[str | Placeholder] = []
        for number, piece in enumerate(re.split(_BRACES, text)):
            if number % 2:
                parts.append(_placeholder(piece, where))
            elif "{" in piece or "}" in piece:
                raise InvalidScheme(
                    f"{where}: a brace has no partner; write placeholders as {{name}}"
                )
            elif piece:
                parts.append(piece)
        return cls(tuple(parts))

    @classmethod
    def of(cls, parts: Iterable[str | Placeholder]) -> Template:
        """Return the template of *parts*, with adjacent texts joined."""
        joined: list[str | Placeholder] = []
        for part in parts:
            if isinstance(part, str) and joined and isinstance(joined[-1], str):
                joined[-1] += part
            else:
                joined.append(part)
        return cls(tuple(joined))

    @property
    def placeholders(self) -> Iterator[Placeholder]:
        """The placeholders, in order."""
        return (part for part in self.parts if isinstance(part, Placeholder))

    @property
    def lone(self) -> Placeholder | None:
        """The placeholder of a template that consists of one, otherwise None."""
        part = self.parts[0] if len(self.parts) == 1 else None
        return part if isinstance(part, Placeholder) else None

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


def _placeholder(inside: str, where: str) -> Placeholder:
    found = re.fullmatch(_PLACEHOLDER, inside)
    if found is None:
        raise InvalidScheme(
            f"{where}: invalid text in braces; write {{name}}, {{name:format}} or {{name?}}"
        )
    names, written, optional = found.groups(default="")
    if written and written not in FORMATS:
        raise InvalidScheme(
            f"{where}: a placeholder has the unknown format {shown(written, FORMATS)};"
            f" the formats are {', '.join(sorted(FORMATS))}"
        )
    return Placeholder(tuple(names.split("|")), written, bool(optional))


def map_templates(structure: Any, change: Callable[[Template], Template]) -> Any:
    """Return *structure* with each template changed."""
    if isinstance(structure, Template):
        return change(structure)
    if isinstance(structure, dict):
        return {key: map_templates(value, change) for key, value in structure.items()}
    if isinstance(structure, list):
        return [map_templates(value, change) for value in structure]
    return structure


def templates_in(structure: Any) -> Iterator[Template]:
    """Yield the templates of a structure."""
    if isinstance(structure, Template):
        yield structure
    for value in _children(structure):
        yield from templates_in(value)


def placeholders_in(structure: Any) -> Iterator[Placeholder]:
    """Yield the placeholders of all templates of a structure."""
    return (
        placeholder for template in templates_in(structure) for placeholder in template.placeholders
    )


def names_in(structure: Any) -> set[str]:
    """Return the names in all placeholders of a structure."""
    return {name for placeholder in placeholders_in(structure) for name in placeholder.names}


def lone_entries(structure: Any) -> Iterator[Template]:
    """Yield the templates that are an entry of a table and consist of one placeholder."""
    for value in _children(structure):
        if isinstance(structure, dict) and isinstance(value, Template) and value.lone:
            yield value
        yield from lone_entries(value)


def _children(structure: Any) -> Iterable[Any]:
    if isinstance(structure, dict):
        return structure.values()
    return structure if isinstance(structure, list) else ()


def compile_text(template: Template) -> Callable[[Find], str]:
    """Return the function that fills in a template.

    The function raises ``MissingValue`` if a value is missing.
    """
    parts = [part if isinstance(part, str) else _compile_value(part) for part in template.parts]

    def text(find: Find) -> str:
        return "".join(part if isinstance(part, str) else str(part(find)) for part in parts)

    return text


def compile_structure(structure: Any) -> Callable[[Find], Any]:
    """Return the function that fills in all templates of *structure*.

    A lone placeholder becomes the value itself; any other template becomes text. The
    function leaves out an entry of a table if its value is optional and missing, and raises
    ``MissingValue`` for other values that are missing.
    """
    if isinstance(structure, Template):
        lone = structure.lone
        return compile_text(structure) if lone is None else _compile_value(lone)
    if isinstance(structure, list):
        fills = [compile_structure(value) for value in structure]
        return lambda find: [fill(find) for fill in fills]
    if isinstance(structure, dict):
        return _compile_table(structure)
    return lambda find: structure


def _compile_table(table: dict[str, Any]) -> Callable[[Find], dict[str, Any]]:
    entries = [
        (key, compile_structure(value), any(p.optional for p in value.placeholders))
        if isinstance(value, Template)
        else (key, compile_structure(value), False)
        for key, value in table.items()
    ]

    def fill_table(find: Find) -> dict[str, Any]:
        filled = {}
        for key, fill, optional in entries:
            try:
                filled[key] = fill(find)
            except MissingValue:
                if not optional:
                    raise
        return filled

    return fill_table


def _compile_value(placeholder: Placeholder) -> Callable[[Find], Any]:
    names = placeholder.names
    write = FORMATS[placeholder.format].apply if placeholder.format else None

    def value_of(find: Find) -> Any:
        for name in names:
            value = find(name)
            if value is not MISSING:
                return value if write is None else write(value)
        raise MissingValue(names)

    return value_of
