"""FastAPI: the identities as dependencies, and the endpoint as a router.

Needs the extra ``fastapi``. The names of :mod:`countermark.starlette` are here too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Unpack

from countermark.asgi import SignaturesEndpoint
from countermark.signing._endpoint import respond
from countermark.signing._request_identity import RequestIdentity
from countermark.verifying._enforcement import Enforcement, EnforcementOptions
from countermark.verifying._modes import ModeSetting
from countermark.verifying._results import VerifiedIdentity
from countermark.verifying._tenants import VerifierSetting

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
    refused_token_handler,
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
    "get_identity",
    "get_verified_identity",
    "identity_from",
    "read_signatures",
    "refused_token_handler",
    "signatures_router",
    "verified_identity",
    "verified_identity_from",
]


async def get_identity(connection: HTTPConnection) -> RequestIdentity:
    """Return the identity of a request or websocket, after looking up its principal.

    Raises:
        ConfigurationError: The application has no such middleware.
    """
    return await identity_from(connection).load()


#: The annotation of a parameter for the request's identity, ready to be read.
IdentityDep = Annotated[RequestIdentity, Depends(get_identity)]


async def get_verified_identity(connection: HTTPConnection) -> VerifiedIdentity | None:
    """Return the identity that :class:`VerifyingMiddleware` verified; None: not verified.

    Raises:
        ConfigurationError: The application has no such middleware.
    """
    return verified_identity_from(connection)


#: The annotation of a parameter for the identity that :class:`VerifyingMiddleware` verified.
VerifiedIdentityDep = Annotated[VerifiedIdentity | None, Depends(get_verified_identity)]


@guarded
def verified_identity(
    verifier: VerifierSetting,
    *,
    mode: ModeSetting = "enforce",
    optional: bool = False,
    **options: Unpack[EnforcementOptions],
) -> Callable[..., Awaitable[VerifiedIdentity | None]]:
    """Return a dependency whose value is the verified identity, without a middleware.

    A refused request raises a :class:`RefusedToken`; a refused websocket is closed with
    1008. ``app.add_exception_handler(RefusedToken, refused_token_handler)`` responds as
    the middleware does. The OpenAPI document describes the token as a security scheme.

    The value is None for a request that is allowed without being verified: in ``monitor``
    or ``off``, by the allowance, or because the token is optional.

    Args:
        verifier: As for :class:`countermark.verifying.Enforcement`.
        mode: As there.
        optional: Whether a request without a token is anonymous, and not counted.
        options: As there.

    Raises:
        ConfigurationError: An option is missing or invalid, or two do not fit together.
    """
    enforcement = Enforcement(verifier, mode=mode, **options)
    documented = Depends(_TokenScheme(enforcement))

    async def verify(connection: HTTPConnection, _: None = documented) -> VerifiedIdentity | None:
        scope = connection.scope
        verdict = await enforcement.ajudge(scope, optional=optional)
        if verdict is None or verdict.admitted:
            return None if verdict is None else verdict.identity
        refused = RefusedToken(verdict, enforcement.refusal(verdict, scope))
        if scope["type"] == "websocket":
            raise WebSocketException(1008, refused.detail)
        raise refused

    return verify


class _TokenScheme(SecurityBase):
    """Describes the token in the OpenAPI document. It reads nothing."""

    def __init__(self, enforcement: Enforcement) -> None:
        location, scheme = enforcement.location, enforcement.scheme
        # With the location: two dependencies may read one scheme's tokens from two.
        self.scheme_name = f"{scheme}-{location.kind}-{location.name}"
        description = f"A token of the scheme {scheme} for the current user."
        self.model = APIKey.model_validate(
            {"in": location.kind, "name": location.name, "description": description}
        )

    async def __call__(self) -> None:
        """Do nothing: as a dependency it is part of the OpenAPI document."""


def signatures_router(path: str = "/signatures") -> APIRouter:
    """Return a router with the current user's signatures as JSON at *path*.

    It responds as :class:`countermark.asgi.SignaturesEndpoint` does, and is part of the
    OpenAPI document. If a dependency finds the user, include the router with that
    dependency: ``app.include_router(signatures_router(), dependencies=[...])``.
    """
    router = APIRouter()
    add = router.add_api_route
    add(path, read_signatures, methods=["GET"], name="signatures", responses=_RESPONSES)
    # In a separate route: two methods of one route would share their operation id.
    add(path, read_signatures, methods=["HEAD"], include_in_schema=False)
    # All other methods: FastAPI's own 405 has another format. Routes take an ASGI application
    # as well as a function.
    router.add_route(path, SignaturesEndpoint(), include_in_schema=False)  # type: ignore[arg-type]
    return router


async def read_signatures(request: Request, identity: IdentityDep) -> Response:
    """Return the current user's signatures as JSON."""
    status, headers, body = respond(request.method, identity)
    return Response(body, status, dict(headers))


_SIGNATURES: dict[str, Any] = {
    "title": "Signatures",
    "type": "object",
    "properties": {
        "marker": {
            "type": "string",
            "description": "Changes when another user signs in.",
        },
        "expires_in": {
            "type": "object",
            "description": "By scheme: the seconds until the token expires.",
            "additionalProperties": {"type": "integer"},
        },
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
    401: _described("The request is anonymous.", "application/problem+json", _PROBLEM),
    503: _described("The server could not look up the user.", "application/problem+json", _PROBLEM),
}
