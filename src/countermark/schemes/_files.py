"""Recipes as files of TOML."""

from __future__ import annotations

from os import PathLike
from typing import Any

from countermark._redaction import place_in, shown_file
from countermark.errors import InvalidScheme


def read_toml_file(path: str | PathLike[str], what: str) -> dict[str, Any]:
    """Return the recipe in the file at *path*, whose name is its slug unless it says otherwise.

    Raises:
        InvalidScheme: It is not TOML; the message begins with *what* it is.
        OSError: The file cannot be read.
    """
    from pathlib import Path

    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidScheme(
            f"{what} in {shown_file(path)}: it is not UTF-8 text; save the file as UTF-8"
        ) from None
    return read_toml(text, path.stem, f"{what} in {shown_file(path)}")


def read_toml(text: str, slug: str, what: str) -> dict[str, Any]:
    """Return the recipe in a TOML text, called *slug* unless it says otherwise.

    Raises:
        InvalidScheme: As for ``read_toml_file``.
    """
    import tomllib

    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError is a ValueError
        place = place_in(error)
        raise InvalidScheme(f"{what}: it is not TOML{place}; correct it there") from None
    return {"slug": slug, **data}
