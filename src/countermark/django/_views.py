"""The current user's endpoint, and the module for the front end."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse

from countermark.django import identity_from
from countermark.frontend._serving import respond_script
from countermark.signing._endpoint import respond


@login_not_required  # type: ignore[untyped-decorator]
def signatures(request: Any) -> Any:
    """Return the current user's signatures as JSON.

    Its only input is the request's identity. The status of GET and HEAD is 200 with
    ``identity.payload()``, 401 for an anonymous request, and 503 if the principal could
    not be looked up.
    """
    status, headers, body = respond(request.method, identity_from(request))
    # Some versions of Django store no-store responses in their own caches.
    request._cache_update_cache = False  # noqa: SLF001
    return HttpResponse(body, status=status, headers=dict(headers))


@login_not_required  # type: ignore[untyped-decorator]
def script(request: Any) -> Any:
    """Return the module for the front end, ``countermark.js``. It is the same for all users."""
    status, headers, body = respond_script(request.method, request.headers.get("If-None-Match"))
    response = HttpResponse(body, status=status, headers=dict(headers))
    if status == 304:
        del response["Content-Type"]  # Django's default, which is not the module's
    return response
