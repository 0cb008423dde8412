"""The catalogue: the schemes in this package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from countermark._redaction import shown
from countermark.errors import UnknownScheme


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
    from countermark.schemes._similar_names import suggestion  # late, as only mistakes need it

    paths = sorted(_files(), key=lambda path: path.name)
    texts = {path.name.removesuffix(".toml"): path.read_text(encoding="utf-8") for path in paths}
    is_path = slug.endswith(".toml")
    hint = "Scheme.from_toml(path) reads a file; " if is_path else suggestion(slug, texts)
    raise UnknownScheme(
        f"unknown scheme {shown(slug, texts)}; {hint}`countermark schemes` lists all"
    )
