"""Which paths webhooks come in at.

No two frameworks read a path alike: some drop slashes, ends of lines or the case of letters.
A path that any of them could take for one that is covered is covered: what has been taken
for another would reach the application though nobody has verified it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from countermark.errors import ConfigurationError

# A "$" at the end of a route matches before a last line break too.
_DROPPED: Final = r"[\x00-\x1f\x7f]+"
# Of routes and of URLs, but not of a path that a server has decoded.
_NEVER: Final = r"//|[?#{}<>*\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}"


def checked_paths(paths: Any) -> tuple[str, ...]:
    """Return the paths of the option ``paths=``, ready to be compared.

    Raises:
        ConfigurationError: One is no path, or no request can ever have it.
    """
    listed = (paths,) if isinstance(paths, str) else paths
    found = tuple(listed) if isinstance(listed, Iterable) else ()
    if not found or not all(isinstance(path, str) and path.startswith("/") for path in found):
        raise ConfigurationError("paths= must be a path that begins with a slash, or some of them")
    if any(re.search(_NEVER, path) for path in found):
        raise ConfigurationError(
            "paths= takes decoded paths, each with all below it: no query, no second slash,"
            " no percent signs with digits, and nothing of a route such as {, < or *"
        )
    return tuple(_plain(path).rstrip("/") for path in found)


def is_covered(path: str, paths: Iterable[str]) -> bool:
    """Tell whether some framework may take *path* for one of *paths*, or for one below it."""
    # Of a target without a slash, servers and frameworks make what they like.
    if path and not path.startswith("/"):
        return True
    path = _plain(path)
    return any(path == one or path.startswith(f"{one}/") for one in paths)


def _plain(path: str) -> str:
    return re.sub("/{2,}", "/", re.sub(_DROPPED, "", path)).casefold()
