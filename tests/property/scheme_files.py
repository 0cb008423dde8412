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
from typing import Any, NamedTuple

# Texts that are right in one place and wrong in another.
TEXTS = [
    "", "x", "own", "Own", "a b", "é", "{id}", "{id}:{email}", "{id}{email}", "{org}", "{org?}",
    "{id|email}", "{now:s}", "{expires:s}", "{expires:s?}", "{groups}", "{settings.app}",
    "{macs.x}", "{payload}", "{mac}", "{id}.{mac}", "{jwt}", "{token}", "{id:url}", "{id:rot13}",
    "{Id}", "{", "}", "{}", "{{id}}", "{id}\n", "v0:{timestamp}:{body}",
    "{id}.{timestamp}.{body}", "{body}", "a{timestamp}1{body}", "{timestamp}{body}",
    "{body}{body}", "{timestamp}", "2026-01-31", "2026-02-31", "2026-1-1", "X-Own", "x-own",
    "X_Own", "X Own", "Set-Cookie", "X-Own\n", "t=", "v1=", ",", "[a-z]+", "(", "marker",
    "OWN_SECRET", "(request-target)", "a.b", "date", "digest", "user.key", "text",
]  # fmt: skip
NUMBERS = [0, 1, -1, 5, 32, 60, 3600, 129_600, 129_601, 3_153_600_000, 3_153_600_001, 10**30]
OTHERS = [
    True, False, 1.0, 60.0, 0.5, math.inf, math.nan, date(2026, 1, 31),
    datetime(2026, 1, 31, 12, tzinfo=UTC), time(12, 0), [], [""], ["id"], ["x", 1], {},
    {"x": "{id}"}, {"x": {"y": [1, "{"]}}, {"x": math.nan}, {"x": date(2026, 1, 31)}, [{}],
    [["x"]], {"a b": "x"}, ["(request-target)", "date", "digest"],
]  # fmt: skip
# Names for tables with any keys, and keys that are unknown everywhere.
NAMES = ["id", "email", "org", "groups", "x", "kid", "Own", "a b", "x\n", "", "colour"]
EMPTY: list[Any] = ["", [], [""], {}, 0]

Data = dict[str, Any]


class Step(NamedTuple):
    """A step into a table: the key ("*": any), its schema, and what its condition needs."""

    key: str
    schema: Any
    needed: Data
    required: bool = False


def catalogue(package: str) -> list[Data]:
    """Return the files of a catalogue, as data."""
    folder = files("countermark") / package / "catalogue"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".toml")), key=str)
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in paths]


class Generator:
    """Makes files: of the catalogue or of a schema, with changes at places that the schema names.

    Args:
        schema: The schema.
        known: The files of the catalogue.
        seed: Files of the same seed are the same.
    """

    def __init__(self, schema: Data, known: list[Data], seed: int) -> None:
        self._random = Random(seed)
        self._schema = schema
        self._known = known
        self._places = list(self._walk(schema, 4))

    def file(self) -> Data:
        """Return the next file. Most differ from a valid one in a single place."""
        random = self._random
        data: Data = deepcopy(random.choice(self._known))
        if random.random() < 0.25:
            data = {**data, **self._made(self._schema)}
        if random.random() < 0.15:
            data = self._made(self._schema)
        for _ in range(random.choice([0, 1, 1, 1, 1, 2])):
            self._change(data, random.choice(self._places))
        return data

    def _walk(self, schema: Any, depth: int) -> Iterator[tuple[Step, ...]]:
        """Yield the way to each place in files of *schema*."""
        for step in self._steps(schema) if depth else ():
            yield (step,)
            yield from ((step, *more) for more in self._walk(step.schema, depth - 1))

    def _steps(self, schema: Any) -> Iterator[Step]:
        schema = self._target(schema)
        known, required = schema.get("properties", {}), schema.get("required", ())
        yield from (Step(key, inner, {}, key in required) for key, inner in known.items())
        for rule in schema.get("allOf", ()):
            conditions = rule.get("if", {}).get("properties", {})
            needed = {key: each["const"] for key, each in conditions.items() if "const" in each}
            further = rule.get("then", {}).get("properties", {})
            required = rule.get("then", {}).get("required", ())
            yield from (Step(key, inner, needed, key in required) for key, inner in further.items())
        others = [*schema.get("patternProperties", {}).values()]
        others += [schema[key] for key in ("additionalProperties", "items") if schema.get(key)]
        yield from (Step("*", inner, {}) for inner in others)

    def _target(self, schema: Any) -> Data:
        """Return the schema to which a reference leads; the schema False is empty."""
        name = (schema or {}).get("$ref", "").rpartition("/")[2]
        return self._schema["$defs"][name] if name else schema or {}

    def _change(self, data: Data, way: tuple[Step, ...]) -> None:
        """Delete, replace or add something at a place; what leads to it is made if needed."""
        inside: Any = data
        schema: Any = self._schema
        for step in way[:-1]:
            key, schema = self._enter(inside, step, schema), step.schema
            if key not in _keys(inside) or not isinstance(inside[key], dict | list):
                self._set(inside, key, self._made(step.schema))
            inside = inside[key]
            if not isinstance(inside, dict | list):
                return
        key = self._enter(inside, way[-1], schema)
        if key in _keys(inside) and self._random.random() < 0.15:
            del inside[key]
        elif isinstance(inside, dict) and self._random.random() < 0.1:
            inside[self._random.choice(NAMES)] = self._value(way[-1].schema)
        else:
            self._set(inside, key, self._value(way[-1].schema))

    def _enter(self, inside: Any, step: Step, schema: Any) -> Any:
        """Return the key of a step. A table that does not meet its condition is made again."""
        if isinstance(inside, list):
            return max(len(inside) - 1, 0)
        if any(inside.get(key) != value for key, value in step.needed.items()):
            inside.clear()
            inside.update(self._made_table(self._target(schema), step.needed))
        return self._random.choice(list(inside) or NAMES) if step.key == "*" else step.key

    def _set(self, inside: Any, key: Any, value: Any) -> None:
        if isinstance(inside, dict):
            inside[key] = value
        else:
            inside[key : key + 1] = [value]

    def _value(self, schema: Any) -> Any:
        """Return a value that fits a schema, or any other."""
        near = _just_wrong(self._target(schema)) if schema else [{}, "x", True]
        choices: list[list[Any]] = [TEXTS, NUMBERS, OTHERS, EMPTY, near, near]
        values = self._random.choice([each for each in choices if each])
        if schema and self._random.random() < 0.3:
            return self._made(schema)
        return deepcopy(self._random.choice(values))

    def _made(self, schema: Any) -> Any:
        """Return a value that resembles those of *schema*."""
        random, schema = self._random, self._target(schema)
        if "enum" in schema:
            return random.choice(schema["enum"])
        if "anyOf" in schema and "type" not in schema:
            return self._made(random.choice(schema["anyOf"]))
        kinds = schema.get("type", ["string", "integer", "array"])
        kind = kinds if isinstance(kinds, str) else random.choice(kinds)
        if kind == "object":
            return self._made_table(schema, {})
        if kind == "array":
            entry = schema.get("items", {"type": "string"})
            rules = [rule for rule in schema.get("allOf", ()) if "contains" in rule]
            needed = [rule["contains"]["const"] for rule in rules]
            return needed + [self._made(entry) for _ in range(random.randint(0, 2))]
        if kind == "string":
            rules = [rule for rule in (schema, *schema.get("allOf", ())) if "pattern" in rule]
            return random.choice(_fitting(*(rule["pattern"] for rule in rules)))
        if kind == "boolean":
            return random.choice([True, False])
        bounds = schema.get("minimum", -1), schema.get("maximum", 10**30)
        return random.choice([n for n in NUMBERS if bounds[0] <= n <= bounds[1]])

    def _made_table(self, schema: Data, fixed: Data) -> Data:
        made: Data = dict(fixed)
        for step in self._steps(schema):
            # Few keys, so that no file has all of the possible contradictions.
            chosen = step.required or step.key in made or self._random.random() < 0.2
            if step.key == "*":
                names = self._random.sample(NAMES[:6], self._random.randint(0, 2))
                made |= {name: self._made(step.schema) for name in names}
            elif chosen and step.schema and step.key not in fixed and _holds(step, made):
                base = schema["properties"].get(step.key)
                whole = not {"type", "enum"}.isdisjoint(self._target(step.schema))
                if whole or step.key not in made:
                    made[step.key] = self._made(step.schema if whole else base)
                _amend(made[step.key], step.schema)
        return made


def _holds(step: Step, made: Data) -> bool:
    return all(made.get(key) == value for key, value in step.needed.items())


def _amend(value: Any, schema: Data) -> None:
    """Remove from a table the keys that *schema* excludes, and add those that it requires."""
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            if inner is False:
                value.pop(key, None)
        for key in schema.get("required", ()):
            value.setdefault(key, "x")


def _keys(inside: Any) -> Any:
    return inside if isinstance(inside, dict) else range(len(inside))


def _just_wrong(schema: Data) -> list[Any]:
    """Return values that break one rule of a schema."""
    wrong: list[Any] = []
    if "minimum" in schema:
        wrong.append(schema["minimum"] - 1)
    if "maximum" in schema:
        wrong.append(schema["maximum"] + 1)
    if "pattern" in schema:
        wrong += [text for text in TEXTS if not re.search(schema["pattern"], text)]
    if schema.get("type") == "array":
        needed = [rule["contains"]["const"] for rule in schema.get("allOf", ())]
        wrong += [[""], [], *([each for each in needed if each != one] for one in needed)]
    if "enum" in schema or "minLength" in schema:
        wrong += ["", "x"]
    return wrong


@cache
def _fitting(*patterns: str) -> list[str]:
    """Return the texts that match all *patterns*, or all texts."""
    return [text for text in TEXTS if all(re.search(each, text) for each in patterns)] or TEXTS
