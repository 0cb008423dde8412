"""Responses of several kinds, to show what the middleware does to each."""

from __future__ import annotations

from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


class Kind(NamedTuple):
    """A kind of response.

    Attributes:
        name: The name in the URL.
        headers: The headers that the application sends.
        has_token: True if the response gets a token.
        result: What the middleware does.
    """

    name: str
    headers: dict[str, str]
    has_token: bool
    result: str


KINDS = (
    Kind("plain", {}, True, "Adds the token, and private, no-store, so that no cache keeps it."),
    Kind(
        "private",
        {"Cache-Control": "private"},
        True,
        "Adds the token and no-store: people who share a browser share its cache.",
    ),
    Kind(
        "no-store",
        {"Cache-Control": "no-store"},
        True,
        "Adds the token and private: some shared caches look for that alone.",
    ),
    Kind(
        "public",
        {"Cache-Control": "public, max-age=60"},
        False,
        "Adds no token: a shared cache would give it to other users.",
    ),
    Kind(
        "etag",
        {"ETag": '"v1"'},
        False,
        "Adds no token: after a 304 the browser would reuse the token of an earlier user.",
    ),
)


async def respond(request: Request) -> Response:
    """Return a response of the kind that the path names."""
    name = request.path_params["kind"]
    kind = next((kind for kind in KINDS if kind.name == name), None)
    if kind is None:
        raise HTTPException(404)
    return PlainTextResponse("A page.", headers=kind.headers)
