"""Users without sessions."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.models import AnonymousUser
from django.utils.decorators import sync_and_async_middleware

from tests.frameworks.django_project.people import person


def _sign_in(request: Any) -> None:
    id = (getattr(request, "scope", None) or request.META).get("tests.user")
    request.user = person(id) if id else AnonymousUser()


@sync_and_async_middleware  # type: ignore[untyped-decorator]
def known_user(get_response: Any) -> Any:
    """Sign in whom the server says."""
    if iscoroutinefunction(get_response):

        async def amiddleware(request: Any) -> Any:
            _sign_in(request)
            return await get_response(request)

        return amiddleware

    def middleware(request: Any) -> Any:
        _sign_in(request)
        return get_response(request)

    return middleware
