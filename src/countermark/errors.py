"""Everything countermark raises, in one family.

Each error has a stable ``code`` for programs and a message for people.
Neither ever holds a key, a token or the id of a principal.
"""

from __future__ import annotations

#: Why a request is not verified, by the codes of :class:`BadToken` and of verdicts.
REFUSALS = {
    "missing": "the request has no token",
    "principal_missing": "the token names no principal, and none was given",
    "malformed": "the token is not written as the scheme writes it",
    "ambiguous": "there are two values, or a second spelling of the header",
    "mismatch": "no key of the ring gives this token for this principal",
    "expired": "the token has ended",
    "not_yet_valid": "the token begins in the future",
    "retired_key": "the token is good, but its key has ended",
    "wrong_environment": "the token is good in another environment",
    "unknown_tenant": "nobody has keys for the tenant",
    "origin_refused": "the page's origin is not one of the allowed ones",
}


class CountermarkError(Exception):
    """The root of all errors of this package.

    Args:
        message: What is wrong and what to change.
        code: A stable, machine-readable reason; the class has a default.
    """

    code: str = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ConfigurationError(CountermarkError):
    """Something was set up wrongly.

    Raised at construction; at a request only by what needs the middleware and
    finds none around it: the endpoint, ``identity_from`` and the template helper.
    """

    code = "configuration"


class InvalidKey(ConfigurationError):
    """A secret key is missing or cannot be one."""

    code = "invalid_key"


class InvalidScheme(ConfigurationError):
    """A vendor's recipe contradicts itself or has a key nobody knows."""

    code = "invalid_scheme"


class UnknownScheme(ConfigurationError):
    """No recipe of that name is in the catalogue."""

    code = "unknown_scheme"


class InvalidPrincipal(CountermarkError):
    """The id is not fit to be signed.

    ``code`` is one of ``principal_type``, ``principal_empty``,
    ``principal_too_long``, ``principal_surrogate``,
    ``principal_control_character``, ``principal_outer_whitespace``,
    ``principal_email`` (an address without an @), ``principal_pattern`` (the
    vendor or ``id_pattern`` refuses it) and ``principal_field`` (the vendor signs
    something that the principal lacks, or that is of another kind).
    """

    code = "invalid_principal"


class BadToken(CountermarkError):
    """A token that was received does not prove whose request it is.

    ``code`` is one of :data:`REFUSALS`, which says what each means. Only
    ``verified`` is ever taken for verified.
    """

    code = "mismatch"


class BadWebhook(CountermarkError):
    """A webhook that was received does not come from whom it says, or not now.

    ``code`` is one of ``missing``, ``malformed``, ``ambiguous``, ``unknown_key``,
    ``retired_key``, ``mismatch``, ``digest_mismatch``, ``expired``,
    ``not_yet_valid`` and ``too_large``.
    """

    code = "mismatch"


class StoreUnavailable(CountermarkError):
    """What several workers share cannot be reached.

    Args:
        kind: The type of the exception behind it, such as ``TimeoutError``, for the
            events that tell of it.
    """

    code = "store_unavailable"

    def __init__(self, message: str, *, kind: str = "StoreUnavailable") -> None:
        super().__init__(message)
        self.kind = kind


class WeakKeyWarning(UserWarning):
    """A vendor's secret is so short that it could be guessed."""


class AmbiguousSchemeWarning(UserWarning):
    """Two principals can get the same signature, because the vendor leaves no choice."""
