"""Django REST framework: authentication by the tokens of a verifier.

Needs the extra ``rest-framework``.
"""

from __future__ import annotations

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
from countermark.verifying._enforcement import Enforcement, EnforcementOptions
from countermark.verifying._modes import ModeSetting
from countermark.verifying._refusals import FORBIDDEN
from countermark.verifying._results import VerifiedIdentity

_OPTIONS = EnforcementOptions.__optional_keys__

# The attribute of a request with the code of its latest refusal.
_CODE = "_countermark_code"


class VerifiedUser:
    """The user of a verified identity, without a model. Its representation does not show the id.

    It has none of Django's permissions, and is not staff.
    """

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False
    is_superuser = False

    def __init__(self, verified_identity: VerifiedIdentity) -> None:
        self.verified_identity = verified_identity
        #: The principal's id; None if the token identifies them otherwise.
        self.pk = self.id = verified_identity.principal_id

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """False."""
        return False

    def has_perms(self, perm_list: Any, obj: Any = None) -> bool:
        """False, unless the list is empty."""
        return not list(perm_list)

    def __repr__(self) -> str:
        return f"<VerifiedUser {self.verified_identity.scheme}>"


class TokenAuthentication(BaseAuthentication):  # type: ignore[misc]
    """Authenticates requests by their tokens. Subclass it with a verifier::

        class StiggAuthentication(TokenAuthentication):
            verifier = Verifier.from_env("stigg")

    ``request.auth`` is the :class:`VerifiedIdentity`, and ``request.user`` is the result of
    :meth:`get_user`. A request without a token is left to the next class, and not counted.
    A request with an invalid token raises ``AuthenticationFailed`` with one of
    :data:`countermark.errors.REFUSALS` as its code; the response has the code in
    ``WWW-Authenticate`` if this class is the first. In ``monitor`` such a request is left to
    the next class too. A token in a cookie needs Django's CSRF token as well.

    Attributes:
        verifier: As for :class:`countermark.verifying.Enforcement`, and so are *token*,
            *claimed_id*, *origins*, *allowance*, *tenant*, *meter*, *on_event* and
            *explain*. Under ASGI functions get the scope, under WSGI the environ.
        mode: As there; by default ``enforce``.

    Raises:
        ConfigurationError: When a class is defined: an option is invalid, or two do not fit
            together. At a request: the class has no verifier.
    """

    mode: ClassVar[ModeSetting] = "enforce"

    _enforcement: ClassVar[Enforcement | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "verifier"):
            # Read from the class: an instance would turn functions into methods.
            given = {name: getattr(cls, name) for name in _OPTIONS if hasattr(cls, name)}
            cls._enforcement = Enforcement(cls.verifier, mode=cls.mode, **given)

    def authenticate(self, request: Any) -> tuple[Any, VerifiedIdentity] | None:
        """Return the user and the VerifiedIdentity of a request; None: anonymous.

        Raises:
            AuthenticationFailed: The token is invalid, or there is no such user.
            PermissionDenied: The token is in a cookie and the CSRF token is invalid, or the
                page's origin or the tenant is not allowed.
        """
        enforcement = self._checked()
        source = getattr(request._request, "scope", None) or request.META  # noqa: SLF001
        verdict = enforcement.judge(source, optional=True)
        if verdict is None or (verdict.admitted and not verdict.verified):
            return None
        if verdict.code in FORBIDDEN:  # a better token would not help
            raise PermissionDenied(f"{REFUSALS[verdict.code].capitalize()}.", verdict.code)
        if verdict.identity is None:
            raise _failed(request, f"{REFUSALS[verdict.code].capitalize()}.", verdict.code)
        if enforcement.location.kind == "cookie":
            # Browsers send cookies with requests that other sites make.
            SessionAuthentication().enforce_csrf(request)
        try:
            user = self.get_user(verdict.identity)
        except (ValueError, ValidationError):  # an id that the model's field cannot hold
            user = None
        if user is None or not getattr(user, "is_active", True):
            raise _failed(request, "There is no such user.", "unknown_user")
        return user, verdict.identity

    def get_user(self, identity: VerifiedIdentity) -> Any:
        """Return the user of a verified identity; None: there is no such user.

        Override it for users of a model. A user who is not active is refused.
        """
        return VerifiedUser(identity)

    def authenticate_header(self, request: Any) -> str:
        """Return the challenge of a 401."""
        scheme = self._checked().scheme
        code = getattr(request, _CODE, "missing")
        return f'Countermark realm="{scheme}", error="{code}"'

    def _checked(self) -> Enforcement:
        if self._enforcement is None:
            raise ConfigurationError(
                "TokenAuthentication has no verifier; subclass it with"
                " verifier = Verifier.from_env('stigg')"
            )
        return self._enforcement


def _failed(request: Any, message: str, code: str) -> AuthenticationFailed:
    setattr(request, _CODE, code)
    return AuthenticationFailed(message, code)
