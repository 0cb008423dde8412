"""Verifying under WSGI: only requests with a valid token are allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from countermark.verifying._middleware import VerifyingBase
from countermark.verifying._refusals import is_preflight
from countermark.wsgi._sending import send_response

if TYPE_CHECKING:
    from wsgiref.types import (
        StartResponse,
        WSGIApplication,  # noqa: F401  # the base class names it, as text
        WSGIEnvironment,
    )

VERIFIED_IDENTITY_KEY = "countermark.verified_identity"
VERDICT_KEY = "countermark.verdict"


class VerifyingMiddleware(VerifyingBase["WSGIApplication"]):
    """Verifies the token of each request, and refuses unverified requests in ``enforce``.

    ``environ["countermark.verified_identity"]`` is a :class:`VerifiedIdentity` or None, and
    ``environ["countermark.verdict"]`` is a :class:`Verdict`. The verdict is None in the
    mode ``off`` and for CORS preflights that the application answers. The application
    decides what the verified principal may see.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        verdict, enforcement = None, self._enforcement
        if environ.get("REQUEST_METHOD") == "OPTIONS" and is_preflight(environ):
            answer = enforcement.answer_preflight(environ)
            if answer is not None:
                return send_response(answer, start_response)
        else:
            verdict = enforcement.judge(environ)
            if verdict is not None and verdict.admitted_by is None:
                return send_response(enforcement.refusal(verdict, environ), start_response)
        environ[VERIFIED_IDENTITY_KEY] = None if verdict is None else verdict.identity
        environ[VERDICT_KEY] = verdict
        return self.app(environ, start_response)
