"""Verifying in Starlette: a middleware for ``request.user``, and an authentication backend."""

from __future__ import annotations

from typing import Unpack

from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    UnauthenticatedUser,
)
from starlette.exceptions import HTTPException
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import Response

from countermark import asgi
from countermark._redaction import guarded
from countermark._responses import Response as Refusal
from countermark.asgi._verifying import VERIFIED_IDENTITY_KEY
from countermark.errors import REFUSALS, ConfigurationError
from countermark.verifying._enforcement import Enforcement, EnforcementOptions
from countermark.verifying._modes import ModeSetting
from countermark.verifying._results import Verdict, VerifiedIdentity
from countermark.verifying._tenants import VerifierSetting


def verified_identity_from(connection: HTTPConnection) -> VerifiedIdentity | None:
    """Return the identity that :class:`VerifyingMiddleware` verified; None: not verified.

    Raises:
        ConfigurationError: No such middleware is around the application.
    """
    state = connection.scope.get("state", {})
    if VERIFIED_IDENTITY_KEY not in state:
        raise ConfigurationError(
            "nothing has verified this request; put VerifyingMiddleware around the application,"
            " with app.add_middleware(countermark.starlette.VerifyingMiddleware, verifier=...,"
            " mode=...)"
        )
    found: VerifiedIdentity | None = state[VERIFIED_IDENTITY_KEY]
    return found


class VerifiedUser(BaseUser):
    """The user of a verified identity. Its representation does not show the id."""

    __slots__ = {"verified_identity": "The VerifiedIdentity of the request."}

    def __init__(self, verified_identity: VerifiedIdentity) -> None:
        self.verified_identity = verified_identity

    @property
    def is_authenticated(self) -> bool:
        """True."""
        return True

    @property
    def display_name(self) -> str:
        """The principal's id; empty if the token identifies them otherwise."""
        return self.verified_identity.principal_id or ""

    @property
    def identity(self) -> str:
        """The principal's id.

        Raises:
            ConfigurationError: The token identifies them otherwise.
        """
        if self.verified_identity.principal_id is None:
            raise ConfigurationError(
                f"{self.verified_identity.scheme}: this token has no id; read"
                " user.verified_identity.claims"
            )
        return self.verified_identity.principal_id

    def __repr__(self) -> str:
        return f"<VerifiedUser {self.verified_identity.scheme}>"


class VerifyingMiddleware(asgi.VerifyingMiddleware):
    """Verifies the token of each request, and can set ``request.user``.

    Args:
        app: The application, or the next middleware.
        verifier: As for :class:`countermark.asgi.VerifyingMiddleware`.
        mode: As there.
        user: Whether to set ``request.user``: to a :class:`VerifiedUser` with the scope
            ``authenticated``, for ``@requires``, or to an ``UnauthenticatedUser`` if the
            request is not verified, in each mode. It replaces the user of an outer
            middleware.
        options: As for :class:`countermark.verifying.Enforcement`.

    Raises:
        ConfigurationError: An option is missing or invalid, or two do not fit together.
    """

    @guarded
    def __init__(
        self,
        app: asgi.App,
        *,
        verifier: VerifierSetting,
        mode: ModeSetting,
        user: bool = False,
        **options: Unpack[EnforcementOptions],
    ) -> None:
        super().__init__(_with_user(app) if user else app, verifier=verifier, mode=mode, **options)


def _with_user(app: asgi.App) -> asgi.App:
    async def with_user(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            identity = scope["state"][VERIFIED_IDENTITY_KEY]
            scope["auth"], scope["user"] = (
                (AuthCredentials(), UnauthenticatedUser())
                if identity is None
                else _authenticated(identity)
            )
        await app(scope, receive, send)

    return with_user


def _authenticated(identity: VerifiedIdentity) -> tuple[AuthCredentials, VerifiedUser]:
    return AuthCredentials(["authenticated"]), VerifiedUser(identity)


class RefusedToken(HTTPException, AuthenticationError):
    """A request that is refused, with status 401, or 403 for the page's origin or the tenant.

    Attributes:
        code: One of :data:`countermark.errors.REFUSALS`.
        response: The whole response.
    """

    def __init__(self, verdict: Verdict, response: Refusal) -> None:
        # Other handlers write a body of their own, so the headers of this one are left out.
        headers = {name: value for name, value in response.headers if "content" not in name.lower()}
        super().__init__(response.status, f"{REFUSALS[verdict.code].capitalize()}.", headers)
        self.code = verdict.code
        self.response = response


def refused_token_handler(connection: HTTPConnection, error: Exception) -> Response:
    """Return the response to a :class:`RefusedToken`: RFC 9457 JSON, as the middleware's.

    Pass it to ``AuthenticationMiddleware`` as ``on_error=``, and to applications as
    ``add_exception_handler(RefusedToken, refused_token_handler)``. Other errors get the
    default response of ``AuthenticationMiddleware``.
    """
    if not isinstance(error, RefusedToken):
        return AuthenticationMiddleware.default_on_error(connection, error)
    status, headers, body = error.response
    return Response(body, status, dict(headers))


class TokenBackend(AuthenticationBackend):
    """Authenticates requests by their tokens, as the ``backend=`` of ``AuthenticationMiddleware``.

    A valid token makes ``request.user`` a :class:`VerifiedUser` with the scope
    ``authenticated``. A request without a token is anonymous, and not counted. A request
    with an invalid token raises :class:`RefusedToken`, to which
    ``on_error=refused_token_handler`` responds; in ``monitor`` it is anonymous.

    Args:
        verifier: As for :class:`countermark.verifying.Enforcement`.
        mode: As there.
        options: As there.

    Raises:
        ConfigurationError: An option is missing or invalid, or two do not fit together.
    """

    @guarded
    def __init__(
        self,
        verifier: VerifierSetting,
        *,
        mode: ModeSetting = "enforce",
        **options: Unpack[EnforcementOptions],
    ) -> None:
        self._enforcement = Enforcement(verifier, mode=mode, **options)

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        verdict = await self._enforcement.ajudge(conn.scope, optional=True)
        if verdict is None:
            return None
        if verdict.identity is not None:
            return _authenticated(verdict.identity)
        if verdict.admitted:
            return None
        raise RefusedToken(verdict, self._enforcement.refusal(verdict, conn.scope))
