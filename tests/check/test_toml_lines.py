"""The lines of keys in a TOML text."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from countermark.check._toml_lines import key_lines
from countermark.schemes._tables import Path

# In it, ~~~ stands for three quotation marks.
TEXT = r"""# a = 1
top = "x # y" # a comment
"quoted key" = 'it'
'literal\key' = 1
"\u00e9" = 1
dotted . inner = true
dotted.other = 2026-01-31 12:00:00

[table] # with a comment
list = [ # a comment with ] in it
    1,
    [2, "]"],
    { a = "}", "b" = { c = 3 } },
]
text = '''
[not.a.table]
''''
more = "line"

[[table.entries]]
one = 1
[[table.entries]]
one = 1
[table.entries.inner]
two = 2
[[table.entries.inner.deep]]
[ "a.b" . c ]

folded = ~~~
a = 1 \
"" two \" ""three"~~~
last = {}""".replace("~~~", '"' * 3)

LINES = {
    ("top",): 2,
    ("é",): 5,
    ("dotted",): 6,
    ("dotted", "other"): 7,
    ("table",): 9,
    ("table", "list", 1): 12,
    ("table", "list", 1, 1): 12,
    ("table", "list", 2, "b", "c"): 13,
    ("table", "text"): 15,
    ("table", "more"): 18,
    ("table", "entries"): 20,
    ("table", "entries", 0, "one"): 21,
    ("table", "entries", 1): 22,
    ("table", "entries", 1, "inner", "two"): 25,
    ("table", "entries", 1, "inner", "deep", 0): 26,
    ("a.b", "c"): 27,
    ("a.b", "c", "folded"): 29,
    ("a.b", "c", "last"): 32,
}


def paths(data: Any, before: Path = ()) -> Iterator[Path]:
    """Yield the paths of all keys and entries of the parsed text."""
    entries = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in entries:
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*before, key))


def test_each_form_of_a_key_has_its_line() -> None:
    lines = key_lines(TEXT)
    assert set(lines) == set(paths(tomllib.loads(TEXT)))
    assert {path: lines[path] for path in LINES} == LINES


@pytest.mark.parametrize("package", ["schemes", "webhooks"])
def test_each_key_of_the_catalogue_has_a_line_that_contains_it(package: str) -> None:
    for file in (files("countermark") / package / "catalogue").iterdir():
        text = file.read_text(encoding="utf-8")
        lines = key_lines(text)
        assert set(lines) == set(paths(tomllib.loads(text)))
        for path, line in lines.items():
            key = next(part for part in reversed(path) if isinstance(part, str))
            assert isinstance(path[-1], int) or key in text.splitlines()[line - 1]


def test_an_empty_text_has_no_lines() -> None:
    assert key_lines("") == key_lines("\n# a comment") == {}
