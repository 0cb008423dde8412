"""Builds the response of the current user's endpoint, for all protocols."""

from __future__ import annotations

from typing import Final

from countermark._responses import Header, Response, json_response, problem, without_body
from countermark.errors import ConfigurationError
from countermark.signing._config import DEFAULT_VARY
from countermark.signing._request_identity import RequestIdentity

_VARY: Final[Header] = ("Vary", ", ".join(DEFAULT_VARY))


def respond(method: str, identity: RequestIdentity | None) -> Response:
    """Return the response to a request, whose identity must have been loaded.

    Raises:
        ConfigurationError: There is no identity, because the middleware is missing.
    """
    if identity is None:
        raise ConfigurationError(
            "SignaturesEndpoint found no identity; put SigningMiddleware around the application"
        )
    if method not in ("GET", "HEAD"):
        allow = ("Allow", "GET, HEAD")
        response = problem(405, "method_not_allowed", "Use GET.", _VARY, allow)
    elif identity.principal is not None:
        response = json_response(200, "application/json", identity.payload(), _VARY)
    elif identity.failed:
        detail = "The server could not look the current user up."
        response = problem(503, "principal_unknown", detail, _VARY)
    else:
        # RFC 9110 requires a challenge. Browsers show no dialog for an unknown scheme.
        challenge = ("WWW-Authenticate", "Session")
        response = problem(401, "anonymous", "No user is signed in.", _VARY, challenge)
    return without_body(response) if method == "HEAD" else response
