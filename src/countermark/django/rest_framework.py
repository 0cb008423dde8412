"""Django REST framework: authentication by the tokens of a verifier.

Needs the extra ``rest-framework``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

try:
    from django.core.exceptions import ValidationError
    from rest_framework.authentication import BaseAuthentication, SessionAuthentication
    from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
except ImportError as error:
    raise ImportError(
        "countermark.django.rest_framework needs Django REST framework:"
        " pip install 'countermark[rest-framework]'"
    ) from error

from countermark.errors import REFUSALS, ConfigurationError
from countermark.events import OnEvent
from countermark.verifying._authentication import Authentication
from countermark.verifying._locations import Location
from countermark.verifying._origins import AllowedOrigins
from countermark.verifying._request_token import PrincipalReader
from countermark.verifying._results import VerifiedIdentity
from countermark.verifying._verifier import Verifier

# Why the latest token of a request was refused, on the request itself.
_CODE = "_countermark_code"


class VerifiedUser:
    """The user whom a token proves, of no model. Its representation does not say who that is.

    It has no permissions of Django's, and is not staff.
    """

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False
    is_superuser = False

    def __init__(self, verified_identity: VerifiedIdentity) -> None:
        self.verified_identity = verified_identity
        #: The principal's id; None where the token names them otherwise.
        self.pk = self.id = verified_identity.principal_id

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """False."""
        return False

    def has_perms(self, perm_list: Any, obj: Any = None) -> bool:
        """False, except for no permissions at all."""
        return not list(perm_list)

    def __repr__(self) -> str:
        return f"<VerifiedUser {self.verified_identity.scheme}>"


class TokenAuthentication(BaseAuthentication):  # type: ignore[misc]
    """Authenticates by tokens. Subclass it, and say who verifies::

        class StiggAuthentication(TokenAuthentication):
            verifier = Verifier.from_env("stigg")

    ``request.auth`` is the :class:`VerifiedIdentity`, and ``request.user`` what
    :meth:`get_user` says. A request without a token is left to the next class. A token
    that is not good is ``AuthenticationFailed``, whose code is one of
    :data:`countermark.errors.REFUSALS`; the answer has it in ``WWW-Authenticate`` where
    this class is the first. A token in a cookie needs Django's CSRF token beside it.

    It enforces: there is no mode, and nothing is counted.

    Attributes:
        verifier: The verifier.
        token: As for :class:`countermark.wsgi.VerifyingMiddleware`, and so are
            *principal*, *origins* and *on_event*. Under ASGI *principal* takes the scope.

    Raises:
        ConfigurationError: Where a class is defined: something does not fit together.
            At a request: the class has no verifier.
    """

    verifier: ClassVar[Verifier]
    token: ClassVar[Location | str | None] = None
    principal: PrincipalReader | None = None
    origins: ClassVar[AllowedOrigins | Iterable[str] | None] = None
    on_event: OnEvent | None = None

    _authentication: ClassVar[Authentication | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "verifier"):
            for name in ("mode", "allowance", "meter", "tenant"):
                if hasattr(cls, name):
                    raise ConfigurationError(
                        f"{name} is an option of VerifyingMiddleware; this class enforces"
                    )
            # Read from the class, where functions are not made methods.
            cls._authentication = Authentication(
                cls.verifier,
                token=cls.token,
                principal=cls.principal,
                origins=cls.origins,
                on_event=cls.on_event,
            )

    def authenticate(self, request: Any) -> tuple[Any, VerifiedIdentity] | None:
        """Return the user and the VerifiedIdentity of a request; None: it has no token.

        Raises:
            AuthenticationFailed: The token is not good, or there is no such user.
            PermissionDenied: The token is in a cookie, and the CSRF token is not good; or the
                page's origin is not allowed.
        """
        authentication = self._checked()
        source = getattr(request._request, "scope", None) or request.META  # noqa: SLF001
        verdict = authentication.verdict(source)
        if verdict is None:
            return None
        if verdict.code == "origin_refused":  # a better token would not help
            raise PermissionDenied(f"{REFUSALS[verdict.code].capitalize()}.", verdict.code)
        if verdict.identity is None:
            raise _failed(request, f"{REFUSALS[verdict.code].capitalize()}.", verdict.code)
        if authentication.place.kind == "cookie":
            # Cookies come with what other sites make a browser send.
            SessionAuthentication().enforce_csrf(request)
        try:
            user = self.get_user(verdict.identity)
        except (ValueError, ValidationError):  # an id that the model's field cannot hold
            user = None
        if user is None or not getattr(user, "is_active", True):
            raise _failed(request, "There is no such user.", "unknown_user")
        return user, verdict.identity

    def get_user(self, identity: VerifiedIdentity) -> Any:
        """Return the user of a verified identity; None: there is none.

        Override it for users of a model. One who is not active counts as none.
        """
        return VerifiedUser(identity)

    def authenticate_header(self, request: Any) -> str:
        """Return the challenge of a 401."""
        self._checked()
        code = getattr(request, _CODE, "missing")
        return f'Countermark realm="{self.verifier.scheme.slug}", error="{code}"'

    def _checked(self) -> Authentication:
        if self._authentication is None:
            raise ConfigurationError(
                "TokenAuthentication has no verifier; subclass it with"
                " verifier = Verifier.from_env('stigg')"
            )
        return self._authentication


def _failed(request: Any, message: str, code: str) -> AuthenticationFailed:
    setattr(request, _CODE, code)
    return AuthenticationFailed(message, code)
