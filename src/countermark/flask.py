"""Flask: an extension, the handles, the template helper, the endpoint as a blueprint.

Needs the extra ``flask``. Where Flask-Login is set up, its current user is whose
request it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from countermark._option_checks import is_async
from countermark._redaction import guarded, shown
from countermark.errors import ConfigurationError
from countermark.principal import Identifier, Principal
from countermark.resolvers import principal_of_user
from countermark.signing._config import AsyncResolver, Resolver, Signers
from countermark.signing._endpoint import respond
from countermark.signing._markup import identity_script
from countermark.signing._request_identity import RequestIdentity
from countermark.signing._signer import Signer
from countermark.verifying._results import VerifiedIdentity
from countermark.wsgi import ENVIRON_KEY, VERIFIED_IDENTITY_KEY, SigningMiddleware

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
# The keys that are options of the middleware.
_OPTIONS = ("VARY", "CACHE_CONTROL", "SIGN_IMPERSONATED", "ON_EVENT")
_NAMES = ("SIGNERS", "USER_ID", "USER_FIELDS", *_OPTIONS)
_KEYS = {_PREFIX + name for name in _NAMES}


class Countermark:
    """Signs the current user's id for front-end products, once per request.

    One object may serve several applications; what belongs to one is in its
    ``config``:

    * ``COUNTERMARK_SIGNERS``: a signer or several, each a ``Signer`` or the name of
      a scheme whose secret is in the environment; or a function that returns the
      signers of a tenant, asked again after a minute. Needed.
    * ``COUNTERMARK_USER_ID``: the attribute of Flask-Login's user that holds the
      id; by default ``id``.
    * ``COUNTERMARK_USER_FIELDS``: what else of the user vendors sign, an argument of
      ``Principal`` and the attribute that holds it: ``{"email": "email"}``.
    * ``COUNTERMARK_VARY``, ``COUNTERMARK_CACHE_CONTROL``,
      ``COUNTERMARK_SIGN_IMPERSONATED``, ``COUNTERMARK_ON_EVENT``: the options of
      :class:`countermark.wsgi.SigningMiddleware`.

    Args:
        app: The application, or None to call :meth:`init_app` later.
        principal: Takes the WSGI environ and returns whose request it is, as for
            the middleware; the context of Flask is there, so ``session`` and ``g``
            may be read. By default it is Flask-Login's current user.

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
            ConfigurationError: *app* is set up already, its ``config`` lacks something
                or does not fit together, or there is neither *principal* nor
                Flask-Login.
        """
        if "countermark" in app.extensions:
            raise ConfigurationError(
                "countermark is already set up for this application; call Countermark(app)"
                " or init_app() once"
            )
        if unknown := sorted(_unknown_keys(app)):
            given = ", ".join(shown(key.removeprefix(_PREFIX), _NAMES) for key in unknown)
            raise ConfigurationError(
                f"unknown setting {_PREFIX}… {given}; leave it out. The settings are"
                f" {', '.join(sorted(_KEYS))}"
            )
        options = {
            key.lower(): app.config[_PREFIX + key]
            for key in _OPTIONS
            if _PREFIX + key in app.config
        }
        # Around Flask alone, so that its context is still there when a response starts.
        app.wsgi_app = SigningMiddleware(  # type: ignore[method-assign]
            app.wsgi_app, signers=_signers(app), principal=self._resolver(app), **options
        )
        app.jinja_env.globals["countermark"] = countermark
        app.extensions["countermark"] = self

    def _resolver(self, app: Flask) -> Resolver | AsyncResolver:
        if self._principal is None:
            return _login_resolver(app)
        for key in ("USER_ID", "USER_FIELDS"):
            if _PREFIX + key in app.config:
                raise ConfigurationError(
                    f"{_PREFIX}{key} is about Flask-Login's user, whom principal= replaces;"
                    " leave one of them out"
                )
        return self._principal if is_async(self._principal) else _of(app, self._principal)


def _of(app: Flask, principal: Any) -> Resolver:
    """Return the resolver that does not take another application's session for this one's."""

    def resolve(environ: WSGIEnvironment) -> Any:
        # Outside of a context, what is in the environ can still be read.
        if has_app_context() and current_app._get_current_object() is not app:  # type: ignore[attr-defined]  # noqa: SLF001
            raise LookupError("the response is another application's")
        return principal(environ)

    return resolve


def identity_from(request: Request | None = None) -> RequestIdentity:
    """Return the identity of *request*, by default the current one.

    Raises:
        ConfigurationError: The extension is not set up for the application.
    """
    environ = (current_request if request is None else request).environ
    identity: RequestIdentity | None = environ.get(ENVIRON_KEY)
    if identity is None:
        raise ConfigurationError(
            "this request has no identity; set the application up with Countermark(app), and"
            " in tests send requests with app.test_client()"
        )
    return identity


#: The identity of the current request.
current_identity: RequestIdentity = LocalProxy(identity_from)  # type: ignore[assignment]


def verified_identity_from(request: Request | None = None) -> VerifiedIdentity | None:
    """Return whose request it is, as ``VerifyingMiddleware`` has found; None: not verified.

    Args:
        request: By default the current one.

    Raises:
        ConfigurationError: No such middleware is around the application.
    """
    environ = (current_request if request is None else request).environ
    if VERIFIED_IDENTITY_KEY not in environ:
        raise ConfigurationError(
            "nothing has verified this request; put the middleware around the application:"
            " app.wsgi_app = VerifyingMiddleware(app.wsgi_app, verifier=..., mode=...)"
        )
    found: VerifiedIdentity | None = environ[VERIFIED_IDENTITY_KEY]
    return found


def countermark(
    scheme: str | None = None, *, id: str = "countermark", nonce: str | None = None
) -> Markup:
    """Return the script element with what the front end gets; templates know it by this name.

    The arguments are those of :func:`countermark.signing.identity_script`.

    Raises:
        ConfigurationError: As for :func:`identity_from` and ``identity_script``.
    """
    # Escaped there, so that nothing can break out of the element.
    return Markup(identity_script(identity_from(), scheme, id=id, nonce=nonce))  # noqa: S704


#: The current user's signatures as JSON, at ``/signatures`` or another ``url_prefix``.
blueprint = Blueprint("countermark", __name__, url_prefix="/signatures")


@blueprint.get("")
def signatures() -> Response:
    """What the front end hands to each vendor to show who the current user is."""
    status, headers, body = respond(current_request.method, identity_from())
    return Response([body], status, headers)  # of bare bytes, Flask would count the length anew


def _unknown_keys(app: Flask) -> set[str]:
    return {key for key in app.config if key.startswith(_PREFIX)} - _KEYS


def _signers(app: Flask) -> Signers:
    given: Any = app.config.get(_PREFIX + "SIGNERS")
    if given is None:
        raise ConfigurationError(
            "COUNTERMARK_SIGNERS is missing; set it, for instance to ['stigg'], with its secret in"
            " the environment"
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
    """Return the resolver by Flask-Login's current user."""
    manager = getattr(app, "login_manager", None)
    if manager is None:
        raise ConfigurationError(
            "there is no way to tell the current user: set Flask-Login up first, or give"
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
        # Another application inside this one may have other users under the same ids;
        # and after the request there is no current user, which is not the same as nobody.
        if current_app.login_manager is not manager:  # type: ignore[attr-defined]
            raise LookupError("the current user is of another application")
        return read(current_user)

    return resolve
