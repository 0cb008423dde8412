"""FastAPI: the identity as a dependency, and the endpoint as a router.

Needs the extra ``fastapi``. What FastAPI shares with Starlette is that of
:mod:`countermark.starlette`, under the same names.
"""

from __future__ import annotations

from typing import Annotated, Any

from countermark.asgi import SignaturesEndpoint
from countermark.endpoint import respond
from countermark.identity import RequestIdentity

try:
    from fastapi import APIRouter, Depends, Request, Response
    from fastapi.requests import HTTPConnection
except ImportError as error:
    raise ImportError(
        "countermark.fastapi needs FastAPI: pip install 'countermark[fastapi]'"
    ) from error

from countermark.starlette import (
    SigningMiddleware,
    context_processor,
    current_user_id,
    identity_from,
)

__all__ = [
    "IdentityDep",
    "SigningMiddleware",
    "context_processor",
    "current_user_id",
    "identity_from",
    "loaded_identity",
    "read_signatures",
    "signatures_router",
]


async def loaded_identity(connection: HTTPConnection) -> RequestIdentity:
    """Return the identity of a request or websocket, its principal looked up.

    Raises:
        ConfigurationError: No middleware is around the application.
    """
    return await identity_from(connection).load()


#: The annotation of a parameter that is the request's identity, ready to be read.
IdentityDep = Annotated[RequestIdentity, Depends(loaded_identity)]


def signatures_router(path: str = "/signatures") -> APIRouter:
    """Return a router with the current user's signatures as JSON at *path*.

    It answers as :class:`countermark.asgi.SignaturesEndpoint` does, and stands in
    the OpenAPI document. Where a dependency says who the user is, include it with
    that dependency: ``app.include_router(signatures_router(), dependencies=[...])``.
    """
    router = APIRouter()
    add = router.add_api_route
    add(path, read_signatures, methods=["GET"], name="signatures", responses=_RESPONSES)
    # In a route of its own, as two methods of one would share their operation id.
    add(path, read_signatures, methods=["HEAD"], include_in_schema=False)
    # All other methods, as FastAPI's own 405 would have another form. An ASGI application
    # is no function of a request, but routes take both.
    router.add_route(path, SignaturesEndpoint(), include_in_schema=False)  # type: ignore[arg-type]
    return router


async def read_signatures(request: Request, identity: IdentityDep) -> Response:
    """What the front end hands to each vendor to show who the current user is."""
    status, headers, body = respond(request.method, identity)
    return Response(body, status, dict(headers))


_SIGNATURES: dict[str, Any] = {
    "title": "Signatures",
    "type": "object",
    "properties": {
        "marker": {
            "type": "string",
            "description": "Changes when somebody else is signed in.",
        }
    },
    "additionalProperties": {
        "type": "object",
        "description": "By scheme: the fields that the vendor's front end takes.",
    },
}
_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}


def _described(description: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _described("The signatures of the current user.", "application/json", _SIGNATURES),
    401: _described("Nobody is signed in.", "application/problem+json", _PROBLEM),
    503: _described("The server could not tell who this is.", "application/problem+json", _PROBLEM),
}
