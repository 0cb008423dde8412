"""Finds the schemes that a name was meant for which no scheme has."""

from __future__ import annotations

import re
from collections.abc import Mapping

# The fewest letters that are looked for within other names.
_LEAST = 3
_MOST = 5
# For get_close_matches, from 0 to 1.
_ALIKE = 0.7


def similar_names(name: str, catalogue: Mapping[str, str]) -> list[str]:
    """Return the slugs of up to five schemes that *name* was probably meant for.

    These are the ones with *name* in their slug or vendor, without regard to case, spaces and
    punctuation, the deprecated ones last. If there are none, they are the ones with a slug that
    is spelt almost alike.

    Args:
        name: The unknown name.
        catalogue: The TOML texts of all schemes, by slug.
    """
    from difflib import get_close_matches

    wanted = _letters(name)
    if len(wanted) >= _LEAST:
        titles = {
            slug: (_letters(slug), _letters(_vendor(text))) for slug, text in catalogue.items()
        }
        found = [slug for slug, parts in titles.items() if any(wanted in part for part in parts)]
        if found:
            found.sort(key=lambda slug: 'status = "deprecated"' in catalogue[slug])
            return found[:_MOST]
    return get_close_matches(name.lower(), catalogue, cutoff=_ALIKE)


def suggestion(name: str, catalogue: Mapping[str, str]) -> str:
    """Return the part of an error message that names similar schemes, or an empty text."""
    found = similar_names(name, catalogue)
    return f"similar: {', '.join(found)}; " if found else ""


def _vendor(text: str) -> str:
    # By a pattern, as parsing the whole catalogue takes half a second.
    found = re.search('^name = "(.*)"$', text, re.MULTILINE)
    return found[1] if found else ""


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
