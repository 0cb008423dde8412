"""The Django side: an app with middleware, a template tag, an endpoint and checks."""

from __future__ import annotations

from typing import Any

try:
    import django as django
except ImportError as error:
    raise ImportError(
        "countermark.django needs Django: pip install 'countermark[django]'"
    ) from error

from countermark.django.impersonation import aactor_from, actor_from
from countermark.errors import ConfigurationError
from countermark.signing._request_identity import RequestIdentity

__all__ = ["aactor_from", "actor_from", "identity_from"]


def identity_from(request: Any) -> RequestIdentity:
    """Return the identity of *request*, which is also ``request.countermark``.

    In code that runs in an event loop, ``await identity.load()`` before reading it.

    Raises:
        ConfigurationError: The middleware has not seen the request.
    """
    identity = getattr(request, "countermark", None)
    if not isinstance(identity, RequestIdentity):
        raise ConfigurationError(
            "this request has no identity; put 'countermark.django.middleware.SigningMiddleware'"
            " into MIDDLEWARE, before whatever reads it"
        )
    return identity
