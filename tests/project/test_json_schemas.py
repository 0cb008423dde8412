"""The JSON Schemas of the files of schemes: they are up to date, and editors find them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.project.json_schemas import SCHEMAS, as_json

PATHS = sorted(SCHEMAS)
FILES = [path for schema in PATHS for path in sorted(schema.parent.glob("catalogue/*.toml"))]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_the_file_in_the_package_is_made_of_the_constants_of_the_parser(path: Path) -> None:
    made = as_json(SCHEMAS[path])
    assert path.read_text(encoding="utf-8") == made, "run: python -m tests.project.json_schemas"
    Draft202012Validator.check_schema(SCHEMAS[path])


def keys(schema: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each key that a file can have, with its schema."""
    for word, inner in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if word == "properties":
            yield from ((f"{before}.{key}", inner[key]) for key in inner)
        if isinstance(inner, dict | list):
            yield from keys(inner, f"{before}.{word}")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_each_key_has_a_description(path: Path) -> None:
    # Those under "if" and "then" only restrict a key that has one.
    main = {where: key for where, key in keys(SCHEMAS[path]) if isinstance(key, dict)}
    described = [where for where, key in main.items() if key.get("description", "").endswith(".")]
    assert len(described) > 35
    assert [
        where
        for where in main
        if where not in described and ".allOf" not in where and ".anyOf" not in where
        and not where.startswith(".properties.values.")
    ] == []  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_the_first_line_of_each_file_of_the_catalogue_names_its_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    word, _, place = first.partition(" ")
    assert word == "#:schema"
    assert (path.parent / place).resolve() in PATHS
