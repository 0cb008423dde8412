"""Finds all mistakes in the file of a scheme, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from countermark._redaction import place_in, shown_file
from countermark.check._loading import Misuse
from countermark.check._toml_lines import key_lines
from countermark.errors import InvalidScheme
from countermark.schemes._parser import parse
from countermark.schemes._tables import Fault, Path
from countermark.webhooks._parser import read

#: The keys that only webhook schemes have.
_OF_WEBHOOKS = frozenset({"kind", "signature", "timestamp", "id"})


class Mistake(NamedTuple):
    """A mistake in a file, with its line from 1. The message contains no value of the file."""

    line: int
    message: str


class Checked(NamedTuple):
    """The outcome for a file.

    Attributes:
        kind: ``signing scheme`` or ``webhook scheme``, or ``file`` if it is not TOML.
        mistakes: The mistakes, by line.
    """

    kind: str
    mistakes: list[Mistake]


def read_bytes(path: str) -> bytes:
    """Return the content of a file.

    Raises:
        Misuse: It cannot be read.
    """
    try:
        return FilePath(path).read_bytes()
    except (OSError, ValueError) as error:  # a ValueError: the path has a NUL character
        reason = type(error).__name__
    raise Misuse(f"the file {shown_file(path)} cannot be read ({reason}); correct its path")


def check_scheme(content: bytes, slug: str) -> Checked:
    """Check the content of a file. The default of its slug is *slug*."""
    try:
        text = content.decode().replace("\r\n", "\n")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Checked("file", [Mistake(line, "the text is not UTF-8; save the file as UTF-8")])
    except (ValueError, RecursionError) as error:
        return Checked("file", [_not_toml(error, content)])
    is_webhook = not _OF_WEBHOOKS.isdisjoint(data)
    faults = _faults(read if is_webhook else parse, {"slug": slug, **data})
    lines = key_lines(text) if faults else {}
    mistakes = {Mistake(_line(fault.path, lines), fault.message) for fault in faults}
    return Checked(f"{'webhook' if is_webhook else 'signing'} scheme", sorted(mistakes))


def _not_toml(error: Exception, content: bytes) -> Mistake:
    place = place_in(error)
    found = re.fullmatch(r" at line (\d+), (column \d+)", place)
    if found:
        return Mistake(int(found[1]), f"invalid TOML at {found[2]}; correct it there")
    line = content.rstrip().count(b"\n") + 1
    return Mistake(line if place else 1, f"invalid TOML{place}; correct it")


def _faults(
    read_data: Callable[[Mapping[str, Any], list[Fault]], object], data: dict[str, Any]
) -> list[Fault]:
    """Return the faults of the structure, or the one contradiction in a valid structure."""
    faults: list[Fault] = []
    try:
        read_data(data, faults)
    except InvalidScheme as error:
        message = str(error)
        return faults or [Fault(_place(message, data), message)]
    return []


def _place(message: str, data: Mapping[str, Any]) -> Path:
    """Return the place that a message names: ``scheme acme: [values.org]: default breaks…``."""
    place: Path = ()
    inner: Any = data
    for part in message.split(": ")[1:]:
        heading = re.fullmatch(r"\[([a-z0-9_.]+)\]", part)
        names = heading[1].split(".") if heading else re.findall(r"^\w+", part)
        for name in names:
            if not isinstance(inner, Mapping) or name not in inner:
                return place
            place, inner = (*place, name), inner[name]
    return place


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    """Return the line of the innermost key of *path* that is in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)
