"""Complete responses of this package, in any protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

Header = tuple[str, str]


class Response(NamedTuple):
    """A response: status code, header pairs and body."""

    status: int
    headers: list[Header]
    body: bytes

    def __repr__(self) -> str:
        # The body and the headers may contain tokens.
        return f"<Response {self.status}>"


def problem(
    status: int,
    code: str,
    detail: str,
    *headers: Header,
    members: Mapping[str, str] | None = None,
) -> Response:
    """Return an RFC 9457 problem, with further *members*."""
    content = {
        "type": f"urn:countermark:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **(members or {}),
    }
    return json_response(status, "application/problem+json", content, *headers)


def json_response(status: int, content_type: str, content: object, *headers: Header) -> Response:
    """Return *content* as a JSON response that no cache stores."""
    return complete(status, content_type, json.dumps(content, separators=(",", ":")), *headers)


def complete(status: int, content_type: str, text: str, *headers: Header) -> Response:
    """Return a response that no cache stores and whose type no browser guesses."""
    body = text.encode()
    common = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return Response(status, [*common, *headers], body)


def without_body(response: Response) -> Response:
    """Return the response to HEAD."""
    return response._replace(body=b"")
