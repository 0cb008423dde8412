"""Parses ``Cache-Control``, to find which caches may store and reuse a response.

Sources: RFC 9111 section 5.2.2, RFC 5861 (``stale-while-revalidate``) and RFC 8246
(``immutable``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from countermark._http import TOKEN

_ELEMENT = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*")+')
_DIRECTIVE = re.compile(rf'({TOKEN})(?:=({TOKEN}|"(?:\\.|[^"\\])*"))?')

# Directives that neither allow storing nor lengthen reuse.
_HARMLESS: Final = frozenset(
    {"no-cache", "no-store", "private", "must-revalidate", "proxy-revalidate", "no-transform"}
)
_REUSE: Final = frozenset({"max-age", "immutable", "stale-while-revalidate", "stale-if-error"})


class CacheControl(NamedTuple):
    """The meaning of a ``Cache-Control`` value, or of its lines joined by commas.

    Attributes:
        obstacle: The reason why a token may not be added, unless ``no_store`` holds;
            None if there is none. ``public``, ``s_maxage`` and
            ``malformed_cache_control`` apply even then.
        no_store: Whether no cache may store the response.
        private: Whether shared caches may not store it.
        revalidates: Whether a cache must ask the server before each reuse, whatever
            ``Expires`` says.
    """

    obstacle: str | None = None
    no_store: bool = False
    private: bool = False
    revalidates: bool = False


@lru_cache(maxsize=256)
def parse_cache_control(value: str) -> CacheControl:
    """Return the meaning of *value*, a ``Cache-Control`` field value."""
    found = _directives(value)
    if found is None:
        return CacheControl("malformed_cache_control")
    names = {name for name, _ in found}
    if "public" in names:
        return CacheControl("public")
    if "s-maxage" in names:
        return CacheControl("s_maxage")
    # With an argument, `private` and `no-cache` apply to the named fields alone.
    private = ("private", None) in found
    return CacheControl(
        _obstacle(found, private=private),
        # A cache that understands `must-understand` may ignore `no-store` next to it.
        no_store=("no-store", None) in found and "must-understand" not in names,
        private=private,
        revalidates=("no-cache", None) in found or ("max-age", "0") in found,
    )


def _obstacle(found: list[tuple[str, str | None]], *, private: bool) -> str | None:
    for name, argument in found:
        if (name, argument) == ("max-age", "0"):
            continue
        if name in _REUSE:
            return "freshness"
        known = name in _HARMLESS and (argument is None or name == "no-cache")
        if not known and (not private or name == "must-understand"):
            return "unknown_directive"
    return None


def _directives(value: str) -> list[tuple[str, str | None]] | None:
    """Return the directives of *value*, names in lower case.

    None if the value is malformed, because caches may then disagree about it.
    """
    found: list[tuple[str, str | None]] = []
    for element in _ELEMENT.findall(value):
        if not element.strip(" \t"):
            continue
        match = _DIRECTIVE.fullmatch(element.strip(" \t"))
        if match is None:
            return None
        found.append((match[1].lower(), match[2]))
    return None if _ELEMENT.sub("", value).strip(",") else found
