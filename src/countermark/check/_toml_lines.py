"""Finds the lines of the keys in a TOML text. Python's own parser does not tell them.

The text must be valid TOML, so a few patterns are enough to distinguish keys, values and comments.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from countermark.schemes._tables import Path

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = re.compile(rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*")
_HEADING = re.compile(rf"\[\[?[ \t]*({_DOTTED.pattern})[ \t]*\]\]?")
_SPACE = re.compile(r"(?:\s|#[^\n]*)*")
_VALUE = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}'  # its last quotation marks may be text
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|[^,\]}#\n]+"
)


def key_lines(text: str) -> dict[Path, int]:
    """Return the line of each key and list entry, by the keys and numbers that lead to it."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        #: The number of tables so far in each list that headings make.
        self._counts: dict[Path, int] = {}

    def read(self) -> dict[Path, int]:
        table: Path = ()
        while first := self._next():
            table = self._table() if first == "[" else self._entry(table)
        return self._lines

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        assert found is not None  # noqa: S101  # the text is valid
        self._at = found.end()
        return found

    def _next(self) -> str:
        """Skip space and comments, and return the next character, or "" at the end."""
        self._take(_SPACE)
        return self._text[self._at : self._at + 1]

    def _note(self, path: Path, at: int) -> None:
        line = self._text.count("\n", 0, at) + 1
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)

    def _table(self) -> Path:
        """Read a heading, and return the path of its table, in a list that of the last entry."""
        heading = self._take(_HEADING)
        path: Path = ()
        for key in _keys(heading[1]):
            path = (*self._last(path), key)
        if heading[0].startswith("[["):
            self._counts[path] = self._counts.get(path, 0) + 1
        path = self._last(path)
        self._note(path, heading.start())
        return path

    def _last(self, path: Path) -> Path:
        return (*path, self._counts[path] - 1) if path in self._counts else path

    def _entry(self, table: Path) -> Path:
        """Read a key and its value, and return the path of the table."""
        key = self._take(_DOTTED)
        path = (*table, *_keys(key[0]))
        self._note(path, key.start())
        self._at = self._text.index("=", self._at) + 1
        self._value(path)
        return table

    def _value(self, path: Path) -> None:
        first = self._next()
        if first not in {"[", "{"}:
            self._take(_VALUE)
            return
        self._at += 1
        number = 0
        while (character := self._next()) not in {"]", "}"}:
            if character == ",":
                self._at += 1
            elif first == "{":
                self._entry(path)
            else:
                self._note((*path, number), self._at)
                self._value((*path, number))
                number += 1
        self._at += 1


def _keys(dotted: str) -> Iterator[str]:
    """Yield the parts of a dotted key, as they are without quotation marks."""
    inner = tomllib.loads(f"{dotted} = 0")
    while isinstance(inner, dict):
        ((key, inner),) = inner.items()
        yield key
