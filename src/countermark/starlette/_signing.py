"""Signing in Starlette: middleware for ``request.user``, identity, template helper, endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from starlette.authentication import SimpleUser
from starlette.requests import HTTPConnection, Request
from starlette.routing import Route

from countermark import asgi
from countermark._redaction import guarded
from countermark.errors import ConfigurationError
from countermark.principal import Identifier
from countermark.signing._config import Signers, SigningOptions
from countermark.signing._markup import identity_script
from countermark.signing._principal_lookup import AsyncResolver, Resolver
from countermark.signing._request_identity import RequestIdentity

if TYPE_CHECKING:
    from markupsafe import Markup  # comes with Jinja2, which Starlette does not require


def current_user_id(scope: asgi.Scope) -> Identifier | None:
    """Return the id of the user that ``AuthenticationMiddleware`` put into *scope*.

    The id is the user's ``id`` or, without such an attribute, Starlette's ``identity``:
    for a ``SimpleUser`` the user name. None: there is no user, or ``is_authenticated`` is
    false.
    """
    user = scope.get("user")
    if user is None or not getattr(user, "is_authenticated", True):
        return None
    name = "id" if hasattr(user, "id") else "identity"
    if name == "identity" and type(user) is SimpleUser:
        name = "username"  # older versions of Starlette leave its identity out
    found: Identifier | None = getattr(user, name)
    return found


class Options(SigningOptions, total=False):
    """The other options of :class:`countermark.asgi.SigningMiddleware`."""

    blocking: bool
    websocket_headers: bool


class SigningMiddleware(asgi.SigningMiddleware):
    """Signs the id of Starlette's current user for front-end products, once per request.

    Args:
        app: The application, or the next middleware.
        signers: As for :class:`countermark.asgi.SigningMiddleware`.
        principal: Takes the scope and returns the current user; by default
            :func:`current_user_id`.
        options: As for :class:`countermark.asgi.SigningMiddleware`.

    Raises:
        ConfigurationError: An option is missing or invalid.
    """

    @guarded
    def __init__(
        self,
        app: asgi.App,
        *,
        signers: Signers,
        principal: Resolver | AsyncResolver = current_user_id,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(app, signers=signers, principal=principal, **options)


def identity_from(connection: HTTPConnection) -> RequestIdentity:
    """Return the identity of a ``Request`` or ``WebSocket``.

    Raises:
        ConfigurationError: The application has no such middleware.
    """
    identity: RequestIdentity | None = connection.scope.get("countermark")
    if identity is None:
        raise ConfigurationError(
            "this request has no identity; put SigningMiddleware around the application, with"
            " app.add_middleware(countermark.starlette.SigningMiddleware, signers=...)"
        )
    return identity


class TemplateHelper:
    """The ``countermark`` of templates.

    ``{{ countermark() }}`` writes the tokens for the front end, as
    :func:`countermark.signing.identity_script` does; ``countermark.identity`` is
    the request's :class:`RequestIdentity`.
    """

    __slots__ = ("_request",)

    def __init__(self, request: Request) -> None:
        # Read later: an error page of an outer middleware has no identity, and may need none.
        self._request = request

    @property
    def identity(self) -> RequestIdentity:
        """The identity of the request.

        Raises:
            ConfigurationError: As for :func:`identity_from`.
        """
        return identity_from(self._request)

    def __call__(
        self, scheme: str | None = None, *, id: str = "countermark", nonce: str | None = None
    ) -> Markup:
        """Return the script element, marked as safe.

        Raises:
            ConfigurationError: As for :func:`identity_from` and ``identity_script``.
        """
        from markupsafe import Markup

        # identity_script() escapes its content.
        return Markup(identity_script(self.identity, scheme, id=id, nonce=nonce))  # noqa: S704


def context_processor(request: Request) -> dict[str, Any]:
    """Give templates ``countermark``: ``Jinja2Templates(..., context_processors=[...])``."""
    return {"countermark": TemplateHelper(request)}


def signatures_route(path: str = "/signatures") -> Route:
    """Return the route of the current user's signatures as JSON, named ``signatures``.

    It responds as :class:`countermark.asgi.SignaturesEndpoint` does, with Starlette's own
    405 to methods other than GET and HEAD.
    """
    return Route(path, asgi.SignaturesEndpoint(), name="signatures")
