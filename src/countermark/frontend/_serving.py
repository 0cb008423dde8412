"""Builds the response that contains the module, for all protocols."""

from __future__ import annotations

from functools import cache
from typing import Final

from countermark._responses import Response, problem, without_body
from countermark.frontend._files import module

# The name of the file has no version, so browsers ask each time: a 304 is short.
_CACHE_CONTROL: Final = ("Cache-Control", "no-cache")


def respond_script(method: str, if_none_match: str | None) -> Response:
    """Return the response to a request for the JavaScript.

    It is the same for all users.

    Args:
        method: The method of the request.
        if_none_match: The value of its header ``If-None-Match``, or None.
    """
    if method not in ("GET", "HEAD"):
        return problem(405, "method_not_allowed", "Use GET.", ("Allow", "GET, HEAD"))
    body, etag = _content()
    if if_none_match is not None and _matches(if_none_match, etag):
        return Response(304, [("ETag", etag), _CACHE_CONTROL], b"")
    headers = [
        # Browsers run a module only with this type.
        ("Content-Type", "text/javascript; charset=utf-8"),
        ("Content-Length", str(len(body))),
        _CACHE_CONTROL,
        ("ETag", etag),
        ("X-Content-Type-Options", "nosniff"),
    ]
    response = Response(200, headers, body)
    return without_body(response) if method == "HEAD" else response


@cache
def _content() -> tuple[bytes, str]:
    from hashlib import sha256

    body = module().encode()
    return body, f'"{sha256(body).hexdigest()[:32]}"'


def _matches(if_none_match: str, etag: str) -> bool:
    # RFC 9110, section 13.1.2: the comparison is weak, since a proxy may have compressed it.
    given = {tag.strip(" \t").removeprefix("W/") for tag in if_none_match.split(",")}
    return not given.isdisjoint({"*", etag})
