"""Schemes as TOML files."""

from __future__ import annotations

from os import PathLike
from typing import Any

from countermark._redaction import place_in, shown_file
from countermark.errors import InvalidScheme


def read_toml_file(path: str | PathLike[str], what: str) -> dict[str, Any]:
    """Return the table in the TOML file at *path*. The default of ``slug`` is the file's name.

    Raises:
        InvalidScheme: The file is not TOML; the message begins with *what*.
        OSError: The file cannot be read.
    """
    from pathlib import Path

    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidScheme(
            f"{what} in {shown_file(path)}: the file is not UTF-8 text; save the file as UTF-8"
        ) from None
    return read_toml(text, path.stem, f"{what} in {shown_file(path)}")


def read_toml(text: str, slug: str, what: str) -> dict[str, Any]:
    """Return the table in a TOML text. The default of ``slug`` is *slug*.

    Raises:
        InvalidScheme: As for ``read_toml_file``.
    """
    import tomllib

    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError is a ValueError
        place = place_in(error)
        raise InvalidScheme(f"{what}: invalid TOML{place}; correct it there") from None
    return {"slug": slug, **data}
