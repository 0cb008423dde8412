"""Verifying under WSGI: only requests with a valid token are allowed."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Unpack

from countermark._redaction import guarded
from countermark._responses import Response
from countermark.verifying._enforcement import Enforcement, EnforcementOptions
from countermark.verifying._modes import ModeSetting
from countermark.verifying._refusals import is_preflight
from countermark.verifying._tenants import VerifierSetting

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

VERIFIED_IDENTITY_KEY = "countermark.verified_identity"
VERDICT_KEY = "countermark.verdict"


class VerifyingMiddleware:
    """Verifies the token of each request, and refuses unverified requests in ``enforce``.

    ``environ["countermark.verified_identity"]`` is a :class:`VerifiedIdentity` or None, and
    ``environ["countermark.verdict"]`` is a :class:`Verdict`. The verdict is None in the
    mode ``off`` and for CORS preflights that the application answers. The application
    decides what the verified principal may see.

    A refusal is RFC 9457 JSON with status 401 or 403. It is sent without reading the body.

    CORS preflights have no token by design. In ``monitor`` they pass. In ``enforce`` this
    middleware grants them for allowed origins and refuses them for others, unless a CORS
    middleware around it answers first. It adds no CORS headers to the application's
    responses.

    If it is applied twice, both check, and the application sees the results of the inner
    one.

    Args:
        app: The application, or the next middleware.
        verifier: The verifier, or a function from the id of a tenant to one.
        mode: ``off``, ``monitor`` or ``enforce``, or a function that returns one of them.
        options: As for :class:`countermark.verifying.Enforcement`, which describes
            *verifier* and *mode* too.

    Raises:
        ConfigurationError: An option is missing or invalid, or two do not fit together.
    """

    @guarded
    def __init__(
        self,
        app: WSGIApplication,
        *,
        verifier: VerifierSetting,
        mode: ModeSetting,
        **options: Unpack[EnforcementOptions],
    ) -> None:
        self.app = app
        self._enforcement = Enforcement(verifier, mode=mode, **options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        verdict, enforcement = None, self._enforcement
        if environ.get("REQUEST_METHOD") == "OPTIONS" and is_preflight(environ):
            answer = enforcement.answer_preflight(environ)
            if answer is not None:
                return _start(answer, start_response)
        else:
            verdict = enforcement.judge(environ)
            if verdict is not None and verdict.admitted_by is None:
                return _start(enforcement.refusal(verdict, environ), start_response)
        environ[VERIFIED_IDENTITY_KEY] = None if verdict is None else verdict.identity
        environ[VERDICT_KEY] = verdict
        return self.app(environ, start_response)


def _start(response: Response, start_response: StartResponse) -> list[bytes]:
    status, headers, body = response
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]
