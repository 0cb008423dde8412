"""Files of schemes, good and broken: made from a JSON Schema, or files of the catalogue changed."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

# Texts that are right in one place and wrong in another.
TEXTS = [
    "", "x", "own", "Own", "a b", "é", "{id}", "{id}:{email}", "{id}{email}", "{org}", "{org?}",
    "{id|email}", "{now:s}", "{expires:s}", "{expires:s?}", "{groups}", "{settings.app}",
    "{macs.x}", "{payload}", "{mac}", "{id}.{mac}", "{jwt}", "{token}", "{id:url}", "{id:rot13}",
    "{Id}", "{", "}", "{}", "{{id}}", "{id}\n", "v0:{timestamp}:{body}", "{id}.{timestamp}.{body}",
    "{body}", "a{timestamp}1{body}", "{timestamp}{body}", "{body}{body}", "{timestamp}", "2026-01-31",
    "2026-02-31", "2026-1-1", "X-Own", "x-own", "X_Own", "X Own", "Set-Cookie", "X-Own\n", "t=", "v1=", ",", "[a-z]+", "(",
    "marker", "OWN_SECRET", "(request-target)", "a.b", "date", "digest", "user.key", "text",
]  # fmt: skip
NUMBERS = [0, 1, -1, 5, 32, 60, 3600, 129_600, 129_601, 3_153_600_000, 3_153_600_001, 10**30]
OTHERS = [
    True, False, 1.0, 60.0, 0.5, math.inf, math.nan, date(2026, 1, 31),
    datetime(2026, 1, 31, 12, tzinfo=UTC), time(12, 0), [], [""], ["id"], ["x", 1], {},
    {"x": "{id}"}, {"x": {"y": [1, "{"]}}, {"x": math.nan}, {"x": date(2026, 1, 31)}, [{}],
    [["x"]], {"a b": "x"},
    ["(request-target)", "date", "digest"],
]  # fmt: skip
# Names for tables with any keys.
NAMES = ["id", "email", "org", "groups", "x", "now", "mac", "alg", "kid", "Own", "a b", "x\n", ""]

Recipe = dict[str, Any]


def catalogue(package: str) -> list[Recipe]:
    """Return the files of a catalogue, as data."""
    folder = files("countermark") / package / "catalogue"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".toml")), key=str)
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in paths]


def recipe(schema: Recipe, known: list[Recipe], random: Random) -> Recipe:
    """Return a file made from *schema*, or one of *known*, or both mixed, with some changes."""
    made, file = _made(schema, schema, random), random.choice(known)
    mixed = random.choice([file, file, made, {**file, **made}, {**made, **file}])
    data: Recipe = deepcopy(mixed)
    for _ in range(random.choice([0, 0, 1, 1, 2, 3])):
        _change(data, made, random)
    return data


def _change(data: Recipe, other: Recipe, random: Random) -> None:
    """Delete, replace, rename or add something somewhere."""
    inside, key = random.choice(list(_places(data)) or [(data, "x")])
    action = random.choice(["delete", "replace", "type", "rename", "add", "copy"])
    if action == "delete" and key in _keys(inside):
        del inside[key]
    elif action == "copy" and other:
        name = random.choice(sorted(other))
        data[name] = deepcopy(other[name])
    elif action == "rename" and isinstance(inside, dict) and key in inside:
        inside[random.choice([*NAMES, "colour", f"{key}s"])] = inside.pop(key)
    elif action == "add" and isinstance(inside, dict):
        inside[random.choice([*NAMES, "colour", "default", "prefix"])] = _value(random)
    elif key in _keys(inside):
        inside[key] = random.choice(OTHERS) if action == "type" else _value(random)


def _value(random: Random) -> Any:
    return deepcopy(random.choice(random.choice([TEXTS, NUMBERS, OTHERS])))


def _keys(inside: Any) -> Any:
    return inside if isinstance(inside, dict) else range(len(inside))


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    for key in _keys(data):
        yield data, key
        if isinstance(data[key], dict | list):
            yield from _places(data[key])


def _made(schema: Recipe, root: Recipe, random: Random) -> Any:
    """Return a value that resembles those of *schema*. Its conditions are not looked at."""
    if "$ref" in schema:
        return _made(root["$defs"][schema["$ref"].rpartition("/")[2]], root, random)
    if "enum" in schema:
        return random.choice(schema["enum"])
    kinds = schema.get("type", ["string", "integer", "array"])
    kind = kinds if isinstance(kinds, str) else random.choice(kinds)
    if kind == "object":
        return _made_table(schema, root, random)
    if kind == "array":
        entry = schema.get("items", {"type": "string"})
        return [_made(entry, root, random) for _ in range(random.randint(0, 2))]
    if kind == "string":
        patterns = [
            rule["pattern"] for rule in [schema, *schema.get("allOf", ())] if "pattern" in rule
        ]
        return random.choice(_fitting(*patterns))
    return random.choice([True, False] if kind == "boolean" else NUMBERS)


@cache
def _fitting(*patterns: str) -> list[str]:
    """Return the texts that match all *patterns*, or all texts."""
    return [text for text in TEXTS if all(re.search(each, text) for each in patterns)] or TEXTS


def _made_table(schema: Recipe, root: Recipe, random: Random) -> Recipe:
    known = {key: inner for key, inner in schema.get("properties", {}).items() if inner}
    other = next(iter(schema.get("patternProperties", {}).values()), None)
    other = other or schema.get("additionalProperties")
    if other:
        names = random.sample([name for name in NAMES if name not in known], random.randint(0, 2))
        return {name: _made(other, root, random) for name in names}
    needed = schema.get("required", ())
    # Few of them, so that no file has all of the possible contradictions.
    chosen = [key for key in known if key in needed or random.random() < 0.3]
    made = {key: _made(known[key], root, random) for key in chosen}
    for rule in schema.get("allOf", ()):
        if _holds(rule.get("if", {}), made):
            further = rule["then"].get("properties", {})
            made |= {
                key: _made(further[key], root, random) for key in made if _is_whole(further, key)
            }
    return made


def _holds(condition: Recipe, made: Recipe) -> bool:
    """Tell whether keys have the values that a condition names."""
    named = condition.get("properties", {})
    return bool(named) and all(made.get(key) == named[key].get("const") for key in named)


def _is_whole(schemas: Recipe, key: str) -> bool:
    return bool(schemas.get(key)) and "type" in schemas[key]
