"""The schemes that come with the package."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from countermark.errors import UnknownScheme
from countermark.showing import shown

if TYPE_CHECKING:
    from countermark.scheme import Scheme


def catalogue() -> list[str]:
    """Return the slugs of all schemes that come with the package, sorted."""
    return sorted(path.name.removesuffix(".toml") for path in _files())


def _files() -> Iterator[Any]:
    # Imported late: neither belongs into the price of `import countermark`.
    from importlib.resources import files

    return (
        path for path in (files("countermark") / "schemes").iterdir() if path.name.endswith(".toml")
    )


@cache
def load(slug: str) -> Scheme:
    """Return the scheme *slug* of the catalogue.

    Raises:
        UnknownScheme: There is none of that name.
    """
    from countermark.recipe import parse

    for path in _files():
        if path.name == f"{slug}.toml":
            return parse(path.read_text(encoding="utf-8"), slug)
    given = shown(slug, catalogue())
    raise UnknownScheme(f"unknown scheme {given}; {_nearest(slug)}")


def _nearest(slug: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(slug, catalogue(), cutoff=0.5)
    hint = f"there is {' and '.join(close)}; " if close else ""
    return f"{hint}`countermark schemes` lists all {len(catalogue())}"
