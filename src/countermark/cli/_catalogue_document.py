"""The catalogue as one JSON document, for programs in other languages."""

from __future__ import annotations

from datetime import date
from typing import Any

#: The version of the language. docs/catalogue-format.md promises when it rises: when a key or a
#: word changes its meaning or disappears, so that a reader would make another token.
FORMAT = 1


def catalogue_document() -> str:
    """Return all signing schemes and webhook formats as JSON in ASCII.

    The tables are those of the files, in the order of the files, because a payload is signed in
    that order. Dates are texts. Defaults are not filled in.
    """
    import json
    from importlib.metadata import version

    schemes, webhooks = _tables("schemes"), _tables("webhooks")
    content = {
        "format": FORMAT,
        "countermark": version("countermark"),
        "read": max(table["read"] for table in (*schemes.values(), *webhooks.values())),
        "schemes": schemes,
        "webhooks": webhooks,
    }
    return json.dumps(content, indent=2, default=date.isoformat)


def _tables(package: str) -> dict[str, Any]:
    """Return the tables of the files in the catalogue of a package, by slug."""
    import tomllib
    from importlib.resources import files

    folder = files("countermark") / package / "catalogue"
    texts = {
        path.name.removesuffix(".toml"): path.read_text(encoding="utf-8")
        for path in folder.iterdir()
        if path.name.endswith(".toml")
    }
    return {slug: tomllib.loads(texts[slug]) for slug in sorted(texts)}
