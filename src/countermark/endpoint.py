"""What the current user's endpoint answers, whatever the protocol."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import NamedTuple

from countermark.errors import ConfigurationError
from countermark.identity import RequestIdentity


class Response(NamedTuple):
    """A whole response: status code, header pairs and body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def respond(method: str, identity: RequestIdentity | None) -> Response:
    """Answer *method* for *identity*, which must have been loaded.

    Raises:
        ConfigurationError: There is no identity, so no middleware around.
    """
    if identity is None:
        raise ConfigurationError(
            "SignaturesEndpoint found no identity; put SigningMiddleware around the application"
        )
    if method not in ("GET", "HEAD"):
        response = _problem(405, "method_not_allowed", "Use GET.", ("Allow", "GET, HEAD"))
    elif identity.principal is not None:
        response = _json(200, "application/json", identity.payload())
    elif identity.failed:
        response = _problem(503, "principal_unknown", "The server could not tell who this is.")
    else:
        # RFC 9110 wants a challenge. Browsers ask nobody for a scheme they do not know.
        challenge = ("WWW-Authenticate", "Session")
        response = _problem(401, "anonymous", "Nobody is signed in.", challenge)
    return response._replace(body=b"") if method == "HEAD" else response


def _problem(status: int, code: str, detail: str, *headers: tuple[str, str]) -> Response:
    """Return an RFC 9457 problem."""
    problem = {
        "type": f"urn:countermark:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return _json(status, "application/problem+json", problem, *headers)


def _json(status: int, content_type: str, content: object, *headers: tuple[str, str]) -> Response:
    body = json.dumps(content, separators=(",", ":")).encode()
    common = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Vary", "Cookie"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return Response(status, [*common, *headers], body)
