"""Decides which request paths belong to webhooks.

Frameworks read a path differently. Some drop slashes, line ends or the case of letters.
Some drop a prefix that the middleware cannot see, such as Django's ``FORCE_SCRIPT_NAME``
or the ``root_path`` of a FastAPI application, and accept the path without it too. Some
match the beginning of a path, whatever follows it, such as Falcon's sinks. Some resolve
``..``, as Pyramid's traversal does. So a path is covered if any framework could route it to
the same view as a path of ``paths=``: a path that is covered by mistake is refused, and a
path that is missed reaches the view unverified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from countermark.errors import ConfigurationError

# A "$" at the end of a route matches before a last line break too.
_DROPPED: Final = r"[\x00-\x1f\x7f]+"
# Parts of routes and of URLs that a path has no longer once a server has decoded it.
_NEVER: Final = r"//|[?#{}<>*\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}"
# Clients resolve these before they send a path.
_DOTS: Final = re.compile(r"/\.\.?(/|$)")
# A regular expression that ignores case matches these with an "i"; casefold() does not.
_LETTERS: Final = {0x130: "i", 0x131: "i"}


class WebhookPaths:
    """The paths of webhooks, each with all paths that begin with it.

    Args:
        paths: A decoded path, or several.
        prefix: The prefix that the application drops from paths before it looks for
            the view, in addition to the one that the server reports; empty if it drops
            none. None: it may drop any prefix. Then ``/hooks/stigg`` also covers
            ``/app/hooks/stigg`` and ``/stigg``.

    Raises:
        ConfigurationError: A path or the prefix is invalid.
    """

    __slots__ = ("_anywhere", "_starts")

    def __init__(self, paths: Any, prefix: Any = None) -> None:
        listed = (paths,) if isinstance(paths, str) else paths
        found = tuple(listed) if isinstance(listed, Iterable) else ()
        if not found or not all(isinstance(path, str) and path.startswith("/") for path in found):
            raise ConfigurationError(
                "paths= must be a path that begins with a slash, or several such paths;"
                " for instance paths='/hooks/stigg'"
            )
        given = prefix is not None
        if given and not (isinstance(prefix, str) and (not prefix or prefix.startswith("/"))):
            raise ConfigurationError(
                "prefix= must be a path that begins with a slash, such as '/app', or '' if the"
                " application drops no prefix"
            )
        for path in (*found, *([prefix] if given else [])):
            if re.search(_NEVER, path):
                raise ConfigurationError(
                    "paths= and prefix= take decoded paths: remove the query, double slashes,"
                    " percent codes, and the parts of a route such as {, < or *"
                )
        plain = [_plain(path).rstrip("/") for path in found]
        own = _plain(prefix).rstrip("/") if given else None
        # Without the slash: a prefix "/app" is dropped from "/apphooks/stigg" too.
        self._anywhere = () if given else tuple(path[1:] for path in plain)
        self._starts = tuple({start for path in plain for start in _starts(path, own)})

    def cover(self, path: str) -> bool:
        """Return whether a framework may route *path* to the view of a webhook."""
        # Servers and frameworks interpret a target without a slash in different ways.
        if path and not path.startswith("/"):
            return True
        path = _plain(path)
        return (
            path.startswith(self._starts)
            or any(one in path for one in self._anywhere)
            or _DOTS.search(path) is not None
        )


def _starts(path: str, prefix: str | None) -> Iterator[str]:
    """Yield the beginnings of paths that reach the view of *path*."""
    yield path
    if prefix is None:
        for slash in re.finditer("/", path):
            yield path[slash.start() :]
    else:
        yield prefix + path
        yield prefix + path[1:]
        if f"{path}/".startswith(f"{prefix}/"):
            yield path[len(prefix) :]


def _plain(path: str) -> str:
    path = re.sub("/{2,}", "/", re.sub(_DROPPED, "", path)).translate(_LETTERS).casefold()
    return path.replace("/@@", "/")  # Pyramid's mark of a view
