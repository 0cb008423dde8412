"""The verifying middleware for ``MIDDLEWARE``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpResponse

from countermark.django import _verifying_conf
from countermark.verifying._enforcement import Enforcement
from countermark.verifying._refusals import is_preflight
from countermark.verifying._results import Verdict


class VerifyingMiddleware:
    """Verifies the token of each request, and refuses unverified requests in ``enforce``.

    The setting is ``COUNTERMARK_VERIFYING``. The results are
    ``request.countermark_verified_identity``, a :class:`VerifiedIdentity` or None, and
    ``request.countermark_verdict``, a :class:`Verdict` or None, as for
    :class:`countermark.wsgi.VerifyingMiddleware`.

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
        _verifying_conf.current()  # a mistake stops the process at its start

    def __call__(self, request: Any) -> Any:
        if self._async:
            return self.__acall__(request)
        enforcement, source = _verifying_conf.current(), _source(request)
        preflight = _is_preflight(request, source)
        verdict = None if preflight else enforcement.judge(source)
        answer = _answer(enforcement, source, verdict, preflight=preflight)
        return self.get_response(_with(request, verdict)) if answer is None else answer

    async def __acall__(self, request: Any) -> Any:
        """Do the same in an event loop."""
        enforcement, source = _verifying_conf.current(), _source(request)
        preflight = _is_preflight(request, source)
        verdict = None if preflight else await enforcement.ajudge(source)
        answer = _answer(enforcement, source, verdict, preflight=preflight)
        return await self.get_response(_with(request, verdict)) if answer is None else answer


def _source(request: Any) -> Mapping[str, Any]:
    """Return the scope or environ of a request."""
    source: Mapping[str, Any] = getattr(request, "scope", None) or request.META
    return source


def _is_preflight(request: Any, source: Mapping[str, Any]) -> bool:
    return request.method == "OPTIONS" and is_preflight(source)


def _answer(
    enforcement: Enforcement, source: Mapping[str, Any], verdict: Verdict | None, *, preflight: bool
) -> HttpResponse | None:
    """Return the response in place of the view's; None: the request is allowed."""
    if preflight:
        response = enforcement.answer_preflight(source)
    elif verdict is None or verdict.admitted:
        response = None
    else:
        response = enforcement.refusal(verdict, source)
    if response is None:
        return None
    status, headers, body = response
    return HttpResponse(body, status=status, headers=dict(headers))


def _with(request: Any, verdict: Verdict | None) -> Any:
    """Return *request* with the results as attributes."""
    request.countermark_verified_identity = None if verdict is None else verdict.identity
    request.countermark_verdict = verdict
    return request
