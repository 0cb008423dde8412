"""Django: an app with middlewares, a template tag, an endpoint and checks."""

from __future__ import annotations

from typing import Any

try:
    import django as django
except ImportError as error:
    raise ImportError(
        "countermark.django needs Django: pip install 'countermark[django]'"
    ) from error

from countermark.asgi._verifying import VERIFIED_IDENTITY_KEY as ASGI_KEY
from countermark.django._impersonation import aactor_from, actor_from
from countermark.errors import ConfigurationError
from countermark.signing._request_identity import RequestIdentity
from countermark.verifying._results import VerifiedIdentity
from countermark.wsgi import VERIFIED_IDENTITY_KEY

__all__ = ["aactor_from", "actor_from", "identity_from", "verified_identity_from"]


def identity_from(request: Any) -> RequestIdentity:
    """Return the identity of *request*, which is also ``request.countermark``.

    In code that runs in an event loop, ``await identity.load()`` before reading it.

    Raises:
        ConfigurationError: The request did not pass through the middleware.
    """
    identity = getattr(request, "countermark", None)
    if not isinstance(identity, RequestIdentity):
        raise ConfigurationError(
            "this request has no identity; put 'countermark.django.middleware.SigningMiddleware'"
            " into MIDDLEWARE, before the middlewares that read it"
        )
    return identity


def verified_identity_from(request: Any) -> VerifiedIdentity | None:
    """Return the identity that a middleware verified; None: not verified.

    The middleware is that of :mod:`countermark.django.verifying`, or
    :class:`countermark.wsgi.VerifyingMiddleware` or
    :class:`countermark.asgi.VerifyingMiddleware` around Django.

    Raises:
        ConfigurationError: The request did not pass through such a middleware.
    """
    found: VerifiedIdentity | None
    if hasattr(request, "countermark_verdict"):
        found = request.countermark_verified_identity
        return found
    if hasattr(request, "scope"):
        place, key = request.scope.get("state", {}), ASGI_KEY
    else:
        place, key = request.META, VERIFIED_IDENTITY_KEY
    if key not in place:
        raise ConfigurationError(
            "this request has not been verified; put"
            " 'countermark.django.verifying.VerifyingMiddleware' into MIDDLEWARE, or"
            " VerifyingMiddleware(get_wsgi_application(), verifier=..., mode=...) into wsgi.py"
        )
    found = place[key]
    return found
