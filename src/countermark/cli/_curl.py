"""Commands for curl."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote
from urllib.parse import urlsplit

from countermark.errors import ConfigurationError


def checked_url(url: str) -> str:
    """Return *url* without its fragment, and without an empty query, which some servers drop.

    Raises:
        ConfigurationError: It is not a URL that curl can request, or it contains a password.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname)
        fits = fits and parts.username is None and url.isprintable() and " " not in url
    except ValueError:
        fits = False
    if not fits:
        raise ConfigurationError(
            "URL must begin with http:// or https://, and contain a host but no user, password or"
            " white space; curl reads passwords with --netrc"
        )
    path, mark, query = url.partition("#")[0].partition("?")
    return f"{path}{mark}{query}" if query else path


def curl_command(options: Iterable[str], url: str) -> str:
    """Return the command that requests *url*, with all words quoted for a shell."""
    words = ["curl", "--silent", "--show-error", "--include", *options]
    if not {*"[]{}"}.isdisjoint(url):
        words.append("--globoff")  # otherwise curl requests several URLs
    if "/." in url or "/%2e" in url.lower():
        words.append("--path-as-is")  # otherwise curl removes "/../", which may be signed
    return " ".join(map(quote, [*words, url]))
