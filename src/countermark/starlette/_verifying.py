"""Starlette: verifying for ``request.user``, in a middleware or an authentication backend."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Required, TypedDict, Unpack

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
from countermark._responses import Response as Answer
from countermark.errors import REFUSALS, ConfigurationError
from countermark.events import OnEvent
from countermark.verifying._allowance import Allowance
from countermark.verifying._authentication import Authentication
from countermark.verifying._enforcement import CountVerdict
from countermark.verifying._locations import Location
from countermark.verifying._modes import ModeSetting
from countermark.verifying._origins import AllowedOrigins
from countermark.verifying._request_token import PrincipalReader
from countermark.verifying._results import Verdict, VerifiedIdentity
from countermark.verifying._tenants import TenantReader, VerifierSetting
from countermark.verifying._verifier import Verifier


def verified_identity_from(connection: HTTPConnection) -> VerifiedIdentity | None:
    """Return whose request it is, as :class:`VerifyingMiddleware` has found; None: not verified.

    Raises:
        ConfigurationError: No such middleware is around the application.
    """
    state = connection.scope.get("state", {})
    if "verified_identity" not in state:
        raise ConfigurationError(
            "nothing has verified this request; put VerifyingMiddleware around the application,"
            " with app.add_middleware(countermark.starlette.VerifyingMiddleware, verifier=...)"
        )
    found: VerifiedIdentity | None = state["verified_identity"]
    return found


class VerifiedUser(BaseUser):
    """The user whom a token proves. Its representation does not say who that is."""

    __slots__ = {"verified_identity": "Whose token it was, a VerifiedIdentity."}

    def __init__(self, verified_identity: VerifiedIdentity) -> None:
        self.verified_identity = verified_identity

    @property
    def is_authenticated(self) -> bool:
        """True."""
        return True

    @property
    def display_name(self) -> str:
        """The principal's id; empty where the token names them otherwise."""
        return self.verified_identity.principal_id or ""

    @property
    def identity(self) -> str:
        """The principal's id.

        Raises:
            ConfigurationError: The token names them otherwise.
        """
        if self.verified_identity.principal_id is None:
            raise ConfigurationError(
                f"{self.verified_identity.scheme}: this token names nobody by an id; read"
                " user.verified_identity.claims"
            )
        return self.verified_identity.principal_id

    def __repr__(self) -> str:
        return f"<VerifiedUser {self.verified_identity.scheme}>"


class VerifyingOptions(TypedDict, total=False):
    """The further options of :class:`countermark.asgi.VerifyingMiddleware`."""

    mode: Required[ModeSetting]
    token: Location | str | None
    principal: PrincipalReader | None
    origins: AllowedOrigins | Iterable[str] | None
    allowance: Allowance | None
    tenant: TenantReader | None
    meter: CountVerdict | None
    on_event: OnEvent | None


class VerifyingMiddleware(asgi.VerifyingMiddleware):
    """Verifies the token of every request; if asked to, ``request.user`` is who it proves.

    Args:
        app: The application, or the next middleware.
        verifier: As for :class:`countermark.asgi.VerifyingMiddleware`.
        user: Whether ``request.user`` becomes a :class:`VerifiedUser` with the scope
            ``authenticated``, for ``@requires``; and whoever is not verified, in any
            mode, an ``UnauthenticatedUser``. What an outer middleware has put there
            is replaced.
        options: As for :class:`countermark.asgi.VerifyingMiddleware`.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    @guarded
    def __init__(
        self,
        app: asgi.App,
        *,
        verifier: VerifierSetting,
        user: bool = False,
        **options: Unpack[VerifyingOptions],
    ) -> None:
        super().__init__(_with_user(app) if user else app, verifier=verifier, **options)


def _with_user(app: asgi.App) -> asgi.App:
    async def with_user(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            identity = scope["state"]["verified_identity"]
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
    """A token that is not good. It is answered with 401, or 403 for the page's origin.

    Attributes:
        code: One of :data:`countermark.errors.REFUSALS`.
        answer: The whole answer.
    """

    def __init__(self, verdict: Verdict, answer: Answer) -> None:
        # Of the content only what is left if other code answers.
        headers = {name: value for name, value in answer.headers if "content" not in name.lower()}
        super().__init__(answer.status, f"{REFUSALS[verdict.code].capitalize()}.", headers)
        self.code = verdict.code
        self.answer = answer


def refuse(connection: HTTPConnection, error: Exception) -> Response:
    """Answer a :class:`RefusedToken` with RFC 9457 JSON, as the middleware does.

    ``AuthenticationMiddleware`` takes it for ``on_error=``, applications for
    ``add_exception_handler(RefusedToken, refuse)``. Other errors are answered as
    ``AuthenticationMiddleware`` does by itself.
    """
    if not isinstance(error, RefusedToken):
        return AuthenticationMiddleware.default_on_error(connection, error)
    status, headers, body = error.answer
    return Response(body, status, dict(headers))


class TokenBackend(AuthenticationBackend):
    """Authenticates by tokens: ``AuthenticationMiddleware(backend=TokenBackend(...))``.

    A good token makes ``request.user`` a :class:`VerifiedUser` with the scope
    ``authenticated``. A request without a token is nobody's. A token that is not good
    is a :class:`RefusedToken`, for which ``on_error=refuse`` has the answer.

    Args:
        verifier: The verifier.
        token: As for :class:`countermark.asgi.VerifyingMiddleware`, and so are
            *principal*, *origins* and *on_event*.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    @guarded
    def __init__(
        self,
        verifier: Verifier,
        *,
        token: Location | str | None = None,
        principal: PrincipalReader | None = None,
        origins: AllowedOrigins | Iterable[str] | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self._authentication = Authentication(
            verifier, token=token, principal=principal, origins=origins, on_event=on_event
        )

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        verdict = self._authentication.verdict(conn.scope)
        if verdict is None:
            return None
        if verdict.identity is None:
            raise RefusedToken(verdict, self._authentication.answer(verdict, conn.scope))
        return _authenticated(verdict.identity)
