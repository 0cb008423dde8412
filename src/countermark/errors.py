"""The exceptions and warnings of countermark.

Each error has a stable ``code`` for programs and a message for people.
Neither contains a key, a token or the id of a principal.
"""

from __future__ import annotations

#: The reasons for which a request is not verified, by the codes of :class:`BadToken` and verdicts.
REFUSALS = {
    "missing": "the request has no token",
    "principal_missing": "the token does not contain its principal, so it must be given separately",
    "malformed": "the token is malformed",
    "ambiguous": "the request has two values in one place, or a second spelling of the header",
    "mismatch": "the signature does not match",
    "secret_received": "the token is or contains the secret itself, which must be replaced",
    "wrong_credential": "the token is a credential of another kind",
    "expired": "the token has expired",
    "not_yet_valid": "the token is not valid yet",
    "retired_key": "the token is valid, but its key has been retired",
    "wrong_environment": "the token is valid in another environment",
    "unknown_tenant": "the tenant is unknown",
    "origin_refused": "the page's origin is not allowed",
}


class CountermarkError(Exception):
    """The base class of all errors of this package.

    Args:
        message: The problem, and how to solve it.
        code: A stable, machine-readable reason; each class has a default.
    """

    code: str = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ConfigurationError(CountermarkError):
    """The configuration is invalid.

    It is raised at construction. During a request, only the endpoint, ``identity_from`` and
    the template helper raise it, if the middleware is missing.
    """

    code = "configuration"


class InvalidKey(ConfigurationError):
    """A key is missing or invalid."""

    code = "invalid_key"


class InvalidScheme(ConfigurationError):
    """A scheme contradicts itself or has an unknown key."""

    code = "invalid_scheme"


class UnknownScheme(ConfigurationError):
    """The catalogue has no scheme of that name."""

    code = "unknown_scheme"


class InvalidPrincipal(CountermarkError):
    """A value of the principal cannot be signed.

    ``code`` is one of ``principal_type``, ``principal_empty``,
    ``principal_too_long``, ``principal_surrogate``,
    ``principal_control_character``, ``principal_outer_whitespace``,
    ``principal_email`` (an address without an @), ``principal_pattern`` (the
    scheme or ``id_pattern`` refuses it) and ``principal_field`` (the principal
    lacks a value that the scheme signs, or it has the wrong type).
    """

    code = "invalid_principal"


class BadToken(CountermarkError):
    """A received token does not prove the principal of the request.

    ``code`` is a key of :data:`REFUSALS`, which explains it.
    """

    code = "mismatch"


class BadWebhook(CountermarkError):
    """A received webhook is not authentic, or not recent.

    ``code`` is one of ``missing``, ``malformed``, ``ambiguous``, ``unknown_key``,
    ``retired_key``, ``mismatch``, ``secret_received``, ``digest_mismatch``, ``expired``,
    ``not_yet_valid`` and ``too_large``.
    """

    code = "mismatch"


class StoreUnavailable(CountermarkError):
    """The store that workers share does not respond.

    Args:
        message: The problem, and how to solve it.
        kind: The type of its cause, such as ``TimeoutError``, for events.
    """

    code = "store_unavailable"

    def __init__(self, message: str, *, kind: str = "StoreUnavailable") -> None:
        super().__init__(message)
        self.kind = kind


class ModeNotSet(CountermarkError):
    """A mode was not set, because a condition did not hold.

    ``code`` is ``not_ready``, or ``changed`` if the modes were changed meanwhile.

    Args:
        message: The problem, and how to solve it.
        code: The code.
        reasons: The reasons against enforcing, in English.
    """

    code = "not_ready"

    def __init__(self, message: str, *, code: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message, code=code)
        self.reasons = reasons


class LeakBlocked(CountermarkError, ConnectionAbortedError):
    """A response was cut off, because it contained a secret.

    The guard raises it where a server expects the application to end, so that the server
    closes the connection. The event ``leaked`` names the secret.
    """

    code = "leak_blocked"


class WeakKeyWarning(UserWarning):
    """A vendor's secret is short enough to be guessed."""


class UnwatchedKeyWarning(UserWarning):
    """A watched secret cannot change, because the environment variable holds the secret itself."""


class AmbiguousSchemeWarning(UserWarning):
    """Two principals can get the same signature, as the vendor requires such a scheme."""
