"""The catalogue: the schemes in this package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from countermark._redaction import shown
from countermark.errors import UnknownScheme

#: The shortest text that is searched in the names of vendors, and the most schemes to suggest.
_SHORTEST: Final = 3
_MOST: Final = 5


def scheme_slugs() -> list[str]:
    """Return the slugs of all schemes in the catalogue, sorted."""
    return sorted(path.name.removesuffix(".toml") for path in _files())


def _files() -> Iterator[Any]:
    # Imported late, as it is slow to import.
    from importlib.resources import files

    return (
        path
        for path in (files("countermark") / "schemes" / "catalogue").iterdir()
        if path.name.endswith(".toml")
    )


def read_scheme(slug: str) -> str:
    """Return the TOML text of the scheme *slug*.

    Raises:
        UnknownScheme: The catalogue has no scheme of that name.
    """
    for path in _files():
        if path.name == f"{slug}.toml":
            return str(path.read_text(encoding="utf-8"))
    given = shown(slug, scheme_slugs())
    raise UnknownScheme(f"unknown scheme {given}; {_nearest(slug)}")


def _nearest(slug: str) -> str:
    """Return the schemes that may be meant: of a vendor with that name, or with a similar slug."""
    from difflib import get_close_matches

    if slug.endswith(".toml"):
        hint = "Scheme.from_toml(path) reads a file; "
    else:
        close = _of_vendor(slug) or get_close_matches(slug, scheme_slugs(), cutoff=0.65)
        hint = f"there is {' and '.join(close)}; " if close else ""
    return f"{hint}`countermark schemes` lists all {len(scheme_slugs())}"


def _of_vendor(text: str) -> list[str]:
    """Return the slugs of the schemes whose vendor's name has *text*, the current ones first."""
    found = []
    for path in _files() if len(text) >= _SHORTEST else ():
        content = path.read_text(encoding="utf-8")
        name = re.search('^name = "(.*)"', content, re.MULTILINE)
        if name is not None and text.casefold() in name[1].casefold():
            found.append(('status = "deprecated"' in content, path.name.removesuffix(".toml")))
    return [slug for _, slug in sorted(found)[:_MOST]]
