"""The files of the module: its JavaScript, and its declarations for TypeScript."""

from __future__ import annotations

#: The line of ``countermark.d.ts`` that the types of the schemes replace.
_PLACE = "  // The schemes of the catalogue.\n"


def module() -> str:
    """Return the JavaScript of the module, ``countermark.js``."""
    return _read("countermark.js")


def declarations() -> str:
    """Return the types of the module, ``countermark.d.ts``, with the fields of all schemes."""
    from countermark.frontend._types import fields_type
    from countermark.schemes import Scheme, scheme_slugs

    lines = [f'  "{slug}": {fields_type(Scheme.load(slug))};\n' for slug in scheme_slugs()]
    return _read("countermark.d.ts").replace(_PLACE, "".join(lines))


def _read(name: str) -> str:
    # Imported late, as it is slow to import.
    from importlib.resources import files

    return (files("countermark") / "frontend" / name).read_text(encoding="utf-8")
