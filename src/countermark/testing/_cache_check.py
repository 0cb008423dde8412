"""Tells whether a cache may give a response with a token to another user."""

from __future__ import annotations

from typing import Final

from countermark.signing._cache_control import parse_cache_control
from countermark.signing._header_rules import HeaderRules
from countermark.signing._response_headers import FRESH_BY_STATUS
from countermark.signing._token_headers import TEXT
from countermark.testing._response_view import ResponseView

_RULES: Final = HeaderRules[str]((), "private", None, TEXT)

# Request headers that do not identify users.
_OF_CONTENT: Final = frozenset({"", "accept", "accept-encoding", "accept-language", "origin"})

_REASONS: Final = {
    "public": "it is public",
    "s_maxage": "a shared cache may reuse it (s-maxage)",
    "malformed_cache_control": "its Cache-Control is malformed",
    "unknown_directive": "its Cache-Control has an unknown directive, and is not private",
    "freshness": "a cache may reuse it without asking (max-age, Expires or similar)",
    "validator": "a browser may reuse it after a 304, for the next user (ETag or Last-Modified)",
    "targeted_field": "a field for one cache, such as CDN-Cache-Control, may allow it",
}


def cache_problem(method: str, view: ResponseView) -> str | None:
    """Return the reason why a cache may serve a response with a token to others, or None.

    The rules are those of the middlewares, for the headers as the client receives them.
    """
    if view.status == 304:
        return "a 304 makes the browser reuse the page that it stored, for whichever user"
    obstacle = _RULES.obstacle(view.headers)
    if obstacle is not None:
        return _REASONS[obstacle]
    found = parse_cache_control(", ".join(view.values("cache-control")))
    if found.no_store or method not in {"GET", "HEAD"}:
        return None
    if not found.private:
        return "a shared cache may store it: it is neither private nor no-store"
    if view.status in FRESH_BY_STATUS:
        return f"browsers reuse a {view.status} indefinitely, unless it is no-store"
    named = {name.strip().lower() for name in ",".join(view.values("vary")).split(",")}
    if named <= _OF_CONTENT:
        return "a browser may reuse it after a login: Vary names no header that identifies users"
    return None
