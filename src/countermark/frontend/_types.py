"""The fields of a scheme as a TypeScript type."""

from __future__ import annotations

import json
import re
from typing import Any

from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Placeholder, Template

#: The types of the kinds of attributes.
_KINDS = {
    "text": "string",
    "integer": "number",
    "boolean": "boolean",
    "list": "unknown[]",
    "object": "Record<string, unknown>",
}
#: The formats that write a number. The others write text.
_NUMBERS = {"s", "ms"}


def fields_type(scheme: Scheme) -> str:
    """Return the type of the fields that *scheme* has for the front end, on one line."""
    return _type(dict(scheme.fields), scheme)


def _type(structure: Any, scheme: Scheme) -> str:
    if isinstance(structure, Template):
        return _type_of_template(structure, scheme)
    if isinstance(structure, dict):
        entries = [_entry(name, value, scheme) for name, value in structure.items()]
        return f"{{ {' '.join(entries)} }}"
    if isinstance(structure, list):
        return f"[{', '.join(_type(value, scheme) for value in structure)}]"
    return json.dumps(structure)  # a constant is its own type


def _entry(name: str, value: Any, scheme: Scheme) -> str:
    key = name if re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.ASCII) else json.dumps(name)
    optional = isinstance(value, Template) and any(p.optional for p in value.placeholders)
    return f"{key}{'?' if optional else ''}: {_type(value, scheme)};"


def _type_of_template(template: Template, scheme: Scheme) -> str:
    lone = template.lone
    if lone is not None:
        return " | ".join(dict.fromkeys(_type_of_value(name, lone, scheme) for name in lone.names))
    if any(template.placeholders):
        return "string"
    return json.dumps(str(template))


def _type_of_value(name: str, placeholder: Placeholder, scheme: Scheme) -> str:
    if placeholder.format:
        return "number" if placeholder.format in _NUMBERS else "string"
    return _KINDS[scheme.rule(name).kind]
