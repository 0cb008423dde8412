"""Schemes as mappings, to be changed by tests."""

from __future__ import annotations

import tomllib
from copy import deepcopy
from importlib.resources import files
from typing import Any


def table_of(slug: str = "stigg") -> dict[str, Any]:
    """Return the table of a scheme of the catalogue."""
    text = (files("countermark") / "schemes" / "catalogue" / f"{slug}.toml").read_text("utf-8")
    return {"slug": slug, **tomllib.loads(text)}


SMALLEST: dict[str, Any] = {
    "slug": "own",
    "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
}
TOKEN: dict[str, Any] = {"slug": "own", "jwt": {"algorithm": "HS256", "claims": {"sub": "{id}"}}}


def changed(base: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return *base* with the value at a dotted *path* set, or deleted if it is None."""
    data = deepcopy(base)
    table = data
    *above, last = path.split(".")
    for key in above:
        table = table.setdefault(key, {})
    if value is None:
        del table[last]
    else:
        table[last] = value
    return data


def with_payload(content: dict[str, Any]) -> dict[str, Any]:
    """Return a scheme with a payload in JSON."""
    return SMALLEST | {"payload": {"format": "json", "encoding": "base64", "content": content}}
