"""The current user's endpoint."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse

from countermark.django import identity_from
from countermark.signing._endpoint import respond


@login_not_required  # type: ignore[untyped-decorator]
def signatures(request: Any) -> Any:
    """Answer with the current user's signatures as JSON.

    It takes no input but the request's identity: GET and HEAD answer 200 with
    ``identity.payload()``, 401 for nobody, and 503 where the principal could not
    be told.
    """
    status, headers, body = respond(request.method, identity_from(request))
    # Not every Django keeps what says no-store out of its own caches.
    request._cache_update_cache = False  # noqa: SLF001
    return HttpResponse(body, status=status, headers=dict(headers))
