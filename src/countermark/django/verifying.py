"""What :class:`VerifyingMiddleware` has found, around Django under WSGI or ASGI."""

from __future__ import annotations

from typing import Any

from countermark.asgi._verifying import VERIFIED_IDENTITY_KEY as ASGI_KEY
from countermark.errors import ConfigurationError
from countermark.verifying._results import VerifiedIdentity
from countermark.wsgi import VERIFIED_IDENTITY_KEY


def verified_identity_from(request: Any) -> VerifiedIdentity | None:
    """Return whose request it is, as the middleware around Django has found; None: not verified.

    Raises:
        ConfigurationError: No such middleware is around the application.
    """
    if hasattr(request, "scope"):
        place, key = request.scope.get("state", {}), ASGI_KEY
    else:
        place, key = request.META, VERIFIED_IDENTITY_KEY
    if key not in place:
        raise ConfigurationError(
            "nothing has verified this request; in wsgi.py or asgi.py, put VerifyingMiddleware"
            " around the application:"
            " VerifyingMiddleware(get_wsgi_application(), verifier=..., mode=...)"
        )
    found: VerifiedIdentity | None = place[key]
    return found
