"""The parts of the JSON Schemas of files of schemes that both have.

They use the words that mean the same in all drafts since draft 7, because not every editor knows
the draft 2020-12.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from countermark.schemes._formats import FORMATS
from countermark.schemes._tables import NAME, SLUG
from countermark.schemes._templates import PLACEHOLDER_NAME

Schema: TypeAlias = dict[str, Any]

#: A placeholder, with its braces.
PLACEHOLDER = (
    rf"\{{{PLACEHOLDER_NAME}(?:\|{PLACEHOLDER_NAME})*(?::(?:{'|'.join(sorted(FORMATS))}))?\??\}}"
)
#: The name of an entry that placeholders refer to.
ENTRY = f"^{NAME}$"
#: A value that JSON can hold. TOML has no null.
JSON_TYPES = ["string", "number", "boolean", "array", "object"]


def text(description: str, **rules: Any) -> Schema:
    """Return the schema of a text."""
    return {"description": description, "type": "string", **rules}


def whole_text(description: str, pattern: str, **rules: Any) -> Schema:
    """Return the schema of a text that matches *pattern* as a whole."""
    return text(description, pattern=f"^({pattern})$", **rules)


def filled_text(description: str) -> Schema:
    """Return the schema of a text that is not empty."""
    return text(description, minLength=1)


def choice(description: str, choices: tuple[str, ...], default: str | None = None) -> Schema:
    """Return the schema of one of several texts."""
    schema = {"description": description, "enum": list(choices)}
    return schema if default is None else {**schema, "default": default}


def flag(description: str) -> Schema:
    """Return the schema of true or false. The default is false."""
    return {"description": description, "type": "boolean", "default": False}


def whole(description: str, least: int | None = None, most: int | None = None) -> Schema:
    """Return the schema of a whole number."""
    bounds = {"minimum": least, "maximum": most}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    return {"description": description, "type": "integer", **given}


def texts(description: str, least: int = 0) -> Schema:
    """Return the schema of a list of texts that are not empty."""
    schema = {
        "description": description,
        "type": "array",
        "items": {"type": "string", "minLength": 1},
    }
    return {**schema, "minItems": least} if least else schema


def table(
    description: str, properties: Schema, required: tuple[str, ...] = (), **rules: Any
) -> Schema:
    """Return the schema of a table with no other keys."""
    schema: Schema = {
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
    if required:
        schema["required"] = list(required)
    return {**schema, **rules}


def open_table(description: str, entry: Schema, **rules: Any) -> Schema:
    """Return the schema of a table with any keys."""
    return {"description": description, "type": "object", "additionalProperties": entry, **rules}


def named_table(description: str, entry: Schema, **rules: Any) -> Schema:
    """Return the schema of a table whose keys are names for placeholders."""
    return {
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {ENTRY: entry},
        **rules,
    }


def has(key: str, value: str) -> Schema:
    """Return the condition that *key* is given with *value*."""
    return {"properties": {key: {"const": value}}, "required": [key]}


def if_then(condition: Schema, properties: Schema, *required: str) -> Schema:
    """Return the rule that under *condition* the properties have these further schemas."""
    then: Schema = {"properties": properties} if properties else {}
    if required:
        then["required"] = list(required)
    return {"if": condition, "then": then}


#: The keys about the origin of a scheme, which both kinds of files have.
ORIGIN: Schema = {
    "slug": whole_text(
        "The name of the scheme in code. The default is the name of the file.", SLUG
    ),
    "name": text("The vendor's name for the scheme. The default is the slug."),
    "source": texts(
        "The pages or files that describe the scheme: URLs, or texts that begin with"
        " `repo owner/name`, `npm`, `PyPI` or `gist`."
    ),
    "read": whole_text(
        "The date on which the sources were read.",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        format="date",
    ),
    "confidence": text(
        "How certain the scheme is: `read in primary source` or `read in secondary source`."
    ),
    "compared_with": texts(
        "The packages whose code makes the same tokens in our tests, such as `npm ably`."
    ),
    "notes": text("Advice for users."),
}

#: A value that JSON can hold.
JSON: Schema = {
    "type": JSON_TYPES,
    "items": {"$ref": "#/$defs/json"},
    "additionalProperties": {"$ref": "#/$defs/json"},
}


def document(title: str, description: str, root: Schema, definitions: Schema) -> Schema:
    """Return a whole schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        **{key: value for key, value in root.items() if key != "description"},
        "$defs": definitions,
    }


def keys_of(schema: Any) -> set[str]:
    """Return all keys that files of a schema can have."""
    if isinstance(schema, list):
        return {key for inner in schema for key in keys_of(inner)}
    if not isinstance(schema, dict):
        return set()
    own = {key for key, inner in schema.get("properties", {}).items() if inner}
    return own | {key for inner in schema.values() for key in keys_of(inner)}
