"""The middleware for ``MIDDLEWARE``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from countermark.django import _conf
from countermark.django._conf import Configuration
from countermark.django._identity import DjangoIdentity
from countermark.django._outgoing import head_of, signed


class SigningMiddleware:
    """Signs the current user's id for front-end products, once per request.

    The identity is ``request.countermark``. Its tokens are added to the response headers if
    no cache may give the response to another user: to those of a copy, since a view may
    return the same response object to several requests. The setting is ``COUNTERMARK``.

    If it is applied twice, the outer one serves the request.

    Args:
        get_response: The next middleware.

    Raises:
        ConfigurationError: The setting is invalid.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self._async = iscoroutinefunction(get_response)
        if self._async:
            markcoroutinefunction(self)
        _conf.current()  # a mistake stops the process at start-up, not at the first request

    def __call__(self, request: Any) -> Any:
        if self._async:
            return self.__acall__(request)
        if _is_served(request):
            return self.get_response(request)
        configuration, identity = _begin(request)
        try:
            response = self.get_response(request)
        finally:
            identity.has_answered = True
        head = head_of(identity, request, response)
        return response if head is None else signed(configuration, identity, response, head)

    async def __acall__(self, request: Any) -> Any:
        """Do the same in an event loop."""
        if _is_served(request):
            return await self.get_response(request)
        configuration, identity = _begin(request)
        try:
            response = await self.get_response(request)
        finally:
            identity.has_answered = True
        head = head_of(identity, request, response)
        if head is None:
            return response
        headers = configuration.headers
        # If the body may hold a token, the response is closed even without a token header.
        may_hold = identity.was_asked if headers.silent else identity.was_read
        if may_hold or headers.may_carry(*head):
            await identity.settle()
        return signed(configuration, identity, response, head)


def _is_served(request: Any) -> bool:
    """Tell whether an outer middleware serves *request*.

    An identity that has answered belongs to an earlier attempt: a middleware may pass the
    same request on again, for instance to retry.
    """
    outer = getattr(request, "countermark", None)
    return isinstance(outer, DjangoIdentity) and not outer.has_answered


def _begin(request: Any) -> tuple[Configuration, DjangoIdentity]:
    configuration = _conf.current()  # for each request, as tests override settings
    identity = request.countermark = DjangoIdentity(configuration, request)
    return configuration, identity
