"""FastAPI: the identities as dependencies, and the endpoint as a router.

Needs the extra ``fastapi``. What FastAPI shares with Starlette is that of
:mod:`countermark.starlette`, under the same names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any

from countermark.asgi import SignaturesEndpoint
from countermark.events import OnEvent
from countermark.signing._endpoint import respond
from countermark.signing._request_identity import RequestIdentity
from countermark.verifying._authentication import Authentication
from countermark.verifying._locations import Location
from countermark.verifying._origins import AllowedOrigins
from countermark.verifying._request_token import PrincipalReader
from countermark.verifying._results import VerifiedIdentity
from countermark.verifying._verifier import Verifier

try:
    from fastapi import APIRouter, Depends, Request, Response, WebSocketException
    from fastapi.openapi.models import APIKey
    from fastapi.requests import HTTPConnection
    from fastapi.security.base import SecurityBase
except ImportError as error:
    raise ImportError(
        "countermark.fastapi needs FastAPI: pip install 'countermark[fastapi]'"
    ) from error

from countermark._redaction import guarded
from countermark.starlette import (
    RefusedToken,
    SigningMiddleware,
    TokenBackend,
    VerifiedUser,
    VerifyingMiddleware,
    context_processor,
    current_user_id,
    identity_from,
    refuse,
    verified_identity_from,
)

__all__ = [
    "IdentityDep",
    "RefusedToken",
    "SigningMiddleware",
    "TokenBackend",
    "VerifiedIdentityDep",
    "VerifiedUser",
    "VerifyingMiddleware",
    "context_processor",
    "current_user_id",
    "found_identity",
    "identity_from",
    "loaded_identity",
    "read_signatures",
    "refuse",
    "signatures_router",
    "verified_identity",
    "verified_identity_from",
]


async def loaded_identity(connection: HTTPConnection) -> RequestIdentity:
    """Return the identity of a request or websocket, its principal looked up.

    Raises:
        ConfigurationError: No middleware is around the application.
    """
    return await identity_from(connection).load()


#: The annotation of a parameter that is the request's identity, ready to be read.
IdentityDep = Annotated[RequestIdentity, Depends(loaded_identity)]


async def found_identity(connection: HTTPConnection) -> VerifiedIdentity | None:
    """Return whose request or websocket it is, as :class:`VerifyingMiddleware` has found.

    None: it is not verified.

    Raises:
        ConfigurationError: No such middleware is around the application.
    """
    return verified_identity_from(connection)


#: The annotation of a parameter that is what :class:`VerifyingMiddleware` has found, or None.
VerifiedIdentityDep = Annotated[VerifiedIdentity | None, Depends(found_identity)]


@guarded
def verified_identity(
    verifier: Verifier,
    *,
    token: Location | str | None = None,
    principal: PrincipalReader | None = None,
    origins: AllowedOrigins | Iterable[str] | None = None,
    optional: bool = False,
    on_event: OnEvent | None = None,
) -> Callable[..., Awaitable[VerifiedIdentity | None]]:
    """Return a dependency that is whose request or websocket it is, without a middleware.

    A request whose token is not good raises a :class:`RefusedToken`, a websocket closes
    with 1008. ``app.add_exception_handler(RefusedToken, refuse)`` answers as the
    middleware does. The OpenAPI document has the token as a security scheme.

    Args:
        verifier: The verifier.
        token: As for :class:`countermark.asgi.VerifyingMiddleware`, and so are
            *principal*, *origins* and *on_event*.
        optional: Whether a request without a token is let in; it is None then.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """
    authentication = Authentication(
        verifier, token=token, principal=principal, origins=origins, on_event=on_event
    )
    documented = Depends(_TokenScheme(authentication.place, verifier))

    async def whose(connection: HTTPConnection, _: None = documented) -> VerifiedIdentity | None:
        verdict = authentication.verdict(connection.scope, optional=optional)
        if verdict is None:
            return None
        if verdict.identity is None:
            refused = RefusedToken(verdict, authentication.answer(verdict, connection.scope))
            if connection.scope["type"] == "websocket":
                raise WebSocketException(1008, refused.detail)
            raise refused
        return verdict.identity

    return whose


class _TokenScheme(SecurityBase):
    """What the OpenAPI document says of a token. It reads nothing."""

    def __init__(self, place: Location, verifier: Verifier) -> None:
        # With the place: two dependencies may read one scheme's tokens from two.
        self.scheme_name = f"{verifier.scheme.slug}-{place.kind}-{place.name}"
        description = f"Shows whose request it is; signed as {verifier.scheme.name} has it."
        self.model = APIKey.model_validate(
            {"in": place.kind, "name": place.name, "description": description}
        )

    async def __call__(self) -> None:
        """Do nothing; it is a dependency so that it is in the document."""


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
