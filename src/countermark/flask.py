"""Flask: an extension, the identities, a template helper, and the endpoint as a blueprint.

Needs the extra ``flask``. If Flask-Login is set up, its current user is the principal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from countermark._option_checks import is_async
from countermark._redaction import guarded, shown
from countermark.errors import ConfigurationError
from countermark.frontend._serving import respond_script
from countermark.principal import Identifier, Principal
from countermark.resolvers import principal_of_user
from countermark.signing._config import Signers
from countermark.signing._endpoint import respond
from countermark.signing._markup import identity_script
from countermark.signing._principal_lookup import AsyncResolver, Resolver
from countermark.signing._request_identity import RequestIdentity
from countermark.signing._signer import Signer
from countermark.verifying._enforcement import EnforcementOptions
from countermark.verifying._results import VerifiedIdentity
from countermark.verifying._tenants import VerifierSetting
from countermark.verifying._verifier import Verifier
from countermark.wsgi import (
    IDENTITY_KEY,
    VERIFIED_IDENTITY_KEY,
    SigningMiddleware,
    VerifyingMiddleware,
)

try:
    from flask import Blueprint, Flask, Request, Response, current_app, has_app_context
    from flask import request as current_request
    from markupsafe import Markup
    from werkzeug.local import LocalProxy
except ImportError as error:
    raise ImportError("countermark.flask needs Flask: pip install 'countermark[flask]'") from error

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_PREFIX = "COUNTERMARK_"
# The keys that are options of the signing middleware, and of the verifying one.
_SIGNING = ("VARY", "CACHE_CONTROL", "SIGN_IMPERSONATED", "ON_EVENT")
_VERIFYING = ("MODE", *sorted(name.upper() for name in EnforcementOptions.__optional_keys__))
_NAMES = ("SIGNERS", "USER_ID", "USER_FIELDS", "VERIFIER", *{*_SIGNING, *_VERIFYING})
_KEYS = {_PREFIX + name for name in _NAMES}


class Countermark:
    """Signs the current user's id for front-end products, verifies tokens, or both.

    One object may serve several applications; the settings are in each application's
    ``config``.

    For signing:

    * ``COUNTERMARK_SIGNERS``: a signer or several, each a ``Signer`` or the name of
      a scheme with its secret in the environment; or a function that returns the
      signers of a tenant, called again after a minute.
    * ``COUNTERMARK_USER_ID``: the attribute of Flask-Login's user that holds the
      id; by default ``id``.
    * ``COUNTERMARK_USER_FIELDS``: other values of the user that vendors sign, by the
      argument of ``Principal``, with the attribute that holds each: ``{"email": "email"}``.
    * ``COUNTERMARK_VARY``, ``COUNTERMARK_CACHE_CONTROL``,
      ``COUNTERMARK_SIGN_IMPERSONATED``, ``COUNTERMARK_ON_EVENT``: the options of
      :class:`countermark.wsgi.SigningMiddleware`.

    For verifying:

    * ``COUNTERMARK_VERIFIER``: a ``Verifier``, the name of a scheme with its secret in
      the environment, or a function that returns the verifier of a tenant.
    * ``COUNTERMARK_MODE``: ``off``, ``monitor`` or ``enforce``, or a function. Required.
    * ``COUNTERMARK_TOKEN``, ``COUNTERMARK_CLAIMED_ID``, ``COUNTERMARK_ORIGINS``,
      ``COUNTERMARK_ALLOWANCE``, ``COUNTERMARK_TENANT``, ``COUNTERMARK_METER``,
      ``COUNTERMARK_ON_EVENT``, ``COUNTERMARK_EXPLAIN``: the options of
      :class:`countermark.verifying.Enforcement`.

    Args:
        app: The application, or None to call :meth:`init_app` later.
        principal: Takes the WSGI environ and returns the current user, as for the
            signing middleware. It runs in Flask's context, so it may read ``session``
            and ``g``. By default it returns Flask-Login's current user.

    Raises:
        ConfigurationError: As for :meth:`init_app`.
    """

    @guarded
    def __init__(
        self, app: Flask | None = None, *, principal: Resolver | AsyncResolver | None = None
    ) -> None:
        self._principal = principal
        if app is not None:
            self.init_app(app)

    @guarded
    def init_app(self, app: Flask) -> None:
        """Set *app* up, after Flask-Login and before other wrappers of ``app.wsgi_app``.

        Raises:
            ConfigurationError: *app* is set up already, a setting is missing or invalid,
                or it signs and there is neither *principal* nor Flask-Login.
        """
        if "countermark" in app.extensions:
            raise ConfigurationError(
                "countermark is already set up for this application; call Countermark(app)"
                " or init_app() once"
            )
        if unknown := sorted({key for key in app.config if key.startswith(_PREFIX)} - _KEYS):
            given = ", ".join(shown(key.removeprefix(_PREFIX), _NAMES) for key in unknown)
            raise ConfigurationError(
                f"unknown setting {_PREFIX}… {given}; leave it out. The settings are"
                f" {', '.join(sorted(_KEYS))}"
            )
        verifier = app.config.get(_PREFIX + "VERIFIER")
        if verifier is None or app.config.get(_PREFIX + "SIGNERS") is not None:
            # Around Flask alone, so that its context still exists when a response starts.
            app.wsgi_app = SigningMiddleware(  # type: ignore[method-assign]
                app.wsgi_app,
                signers=_signers(app),
                principal=self._resolver(app),
                **_options(app, _SIGNING),
            )
        if verifier is not None:
            app.wsgi_app = VerifyingMiddleware(  # type: ignore[method-assign]
                app.wsgi_app, verifier=_verifier(verifier), **_verifying_options(app)
            )
        app.jinja_env.globals["countermark"] = countermark
        app.extensions["countermark"] = self

    def _resolver(self, app: Flask) -> Resolver | AsyncResolver:
        if self._principal is None:
            return _login_resolver(app)
        for key in ("USER_ID", "USER_FIELDS"):
            if _PREFIX + key in app.config:
                raise ConfigurationError(
                    f"{_PREFIX}{key} is about Flask-Login's user, which principal= replaces;"
                    " leave one of them out"
                )
        return self._principal if is_async(self._principal) else _of(app, self._principal)


def _of(app: Flask, principal: Any) -> Resolver:
    """Return a resolver that refuses to read the session of another application."""

    def resolve(environ: WSGIEnvironment) -> Any:
        # Outside a context the environ can still be read.
        if has_app_context() and current_app._get_current_object() is not app:  # type: ignore[attr-defined]  # noqa: SLF001
            raise LookupError("the response belongs to another application")
        return principal(environ)

    return resolve


def identity_from(request: Request | None = None) -> RequestIdentity:
    """Return the identity of *request*, by default the current one.

    Raises:
        ConfigurationError: The extension is not set up for the application.
    """
    environ = (current_request if request is None else request).environ
    identity: RequestIdentity | None = environ.get(IDENTITY_KEY)
    if identity is None:
        raise ConfigurationError(
            "this request has no identity; set the application up with Countermark(app), and"
            " in tests send requests with app.test_client()"
        )
    return identity


#: The identity of the current request.
current_identity: RequestIdentity = LocalProxy(identity_from)  # type: ignore[assignment]


def verified_identity_from(request: Request | None = None) -> VerifiedIdentity | None:
    """Return the identity that ``VerifyingMiddleware`` verified; None: not verified.

    Args:
        request: By default the current one.

    Raises:
        ConfigurationError: No such middleware is around the application.
    """
    environ = (current_request if request is None else request).environ
    if VERIFIED_IDENTITY_KEY not in environ:
        raise ConfigurationError(
            "this request has not been verified; set COUNTERMARK_VERIFIER and call"
            " Countermark(app), or put VerifyingMiddleware around app.wsgi_app"
        )
    found: VerifiedIdentity | None = environ[VERIFIED_IDENTITY_KEY]
    return found


def countermark(
    scheme: str | None = None, *, id: str = "countermark", nonce: str | None = None
) -> Markup:
    """Return the script element with the tokens; templates call it by this name.

    The arguments are those of :func:`countermark.signing.identity_script`.

    Raises:
        ConfigurationError: As for :func:`identity_from` and ``identity_script``.
    """
    # identity_script() escapes its content.
    return Markup(identity_script(identity_from(), scheme, id=id, nonce=nonce))  # noqa: S704


#: The current user's signatures as JSON, at ``/signatures`` or another ``url_prefix``, and
#: the module for the front end at ``/signatures/countermark.js``.
signatures_blueprint = Blueprint("countermark", __name__, url_prefix="/signatures")


@signatures_blueprint.get("")
def signatures() -> Response:
    """Return the current user's signatures as JSON."""
    status, headers, body = respond(current_request.method, identity_from())
    return Response([body], status, headers)  # from bytes, Flask would compute the length again


@signatures_blueprint.get("/countermark.js")
def script() -> Response:
    """Return the module for the front end."""
    tags = current_request.headers.get("If-None-Match")
    status, headers, body = respond_script(current_request.method, tags)
    return Response([body], status, headers)


def _options(app: Flask, names: Iterable[str]) -> dict[str, Any]:
    """Return the settings of *names* as keyword arguments."""
    return {
        name.lower(): app.config[_PREFIX + name] for name in names if _PREFIX + name in app.config
    }


def _verifying_options(app: Flask) -> Any:
    options = _options(app, _VERIFYING)
    if "mode" not in options:
        raise ConfigurationError(
            "COUNTERMARK_MODE is missing; set it to 'off', 'monitor' or 'enforce'"
        )
    return options


def _verifier(given: Any) -> VerifierSetting:
    return Verifier.from_env(given) if isinstance(given, str) else given


def _signers(app: Flask) -> Signers:
    given: Any = app.config.get(_PREFIX + "SIGNERS")
    if given is None:
        raise ConfigurationError(
            "COUNTERMARK_SIGNERS is missing; set it, for instance to ['stigg'], with its secret in"
            " the environment, or set COUNTERMARK_VERIFIER to verify tokens"
        )
    if callable(given) or isinstance(given, Signer):
        return given  # type: ignore[no-any-return]
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise ConfigurationError(
            "COUNTERMARK_SIGNERS must be a list of Signer objects and names of schemes, such as"
            " ['stigg']"
        )
    several = [given] if isinstance(given, str) else given
    return [Signer.from_env(one) if isinstance(one, str) else one for one in several]


def _login_resolver(app: Flask) -> Resolver:
    """Return the resolver that reads Flask-Login's current user."""
    manager = getattr(app, "login_manager", None)
    if manager is None:
        raise ConfigurationError(
            "there is no source for the current user: set Flask-Login up first, or give"
            " Countermark(principal=...)"
        )
    from flask_login import current_user

    user_id = app.config.get(_PREFIX + "USER_ID", "id")
    fields = app.config.get(_PREFIX + "USER_FIELDS", {})
    if not isinstance(user_id, str) or not isinstance(fields, Mapping):
        raise ConfigurationError(
            "COUNTERMARK_USER_ID must be the name of an attribute, and COUNTERMARK_USER_FIELDS a"
            " dict such as {'email': 'email'}"
        )
    if not all(isinstance(text, str) for pair in fields.items() for text in pair):
        raise ConfigurationError(
            "COUNTERMARK_USER_FIELDS must be a dict of names, such as {'email': 'email'}"
        )
    read = principal_of_user(user_id, **fields)

    def resolve(environ: WSGIEnvironment) -> Principal | Identifier | None:
        # An application inside this one may have other users with the same ids. After the
        # request there is no current user, which differs from an anonymous one.
        if current_app.login_manager is not manager:  # type: ignore[attr-defined]
            raise LookupError("the current user belongs to another application")
        return read(current_user)

    return resolve
