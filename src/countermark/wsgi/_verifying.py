"""Verifying under WSGI: requests get in with a good token."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from countermark._redaction import guarded
from countermark._responses import Response
from countermark.events import OnEvent
from countermark.verifying._allowance import Allowance
from countermark.verifying._enforcement import CountVerdict, Enforcement
from countermark.verifying._locations import Location
from countermark.verifying._modes import ModeSetting
from countermark.verifying._origins import AllowedOrigins
from countermark.verifying._refusals import is_preflight, preflight_answer, refusal
from countermark.verifying._request_token import PrincipalReader
from countermark.verifying._tenants import TenantReader, VerifierSetting

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

VERIFIED_IDENTITY_KEY = "countermark.verified_identity"
VERDICT_KEY = "countermark.verdict"


class VerifyingMiddleware:
    """Verifies the token of every request, and in the mode ``enforce`` refuses the others.

    ``environ["countermark.verified_identity"]`` is a :class:`VerifiedIdentity` or None,
    and ``environ["countermark.verdict"]`` a :class:`Verdict`; None in the mode ``off``,
    and for CORS preflights that pass. Whether the verified principal may see what is
    asked for, the application decides.

    A refusal is RFC 9457 JSON with status 401 or 403, sent without reading the body.

    CORS preflights have no token by design. In ``monitor`` they pass; in ``enforce``
    they are answered here with the permission for allowed origins, and refused
    otherwise. A CORS middleware around this one answers them before. The application's
    own responses get no CORS headers from here.

    Where it is applied twice, both check, and the application sees what the inner one
    found.

    Args:
        app: The application, or the next middleware.
        verifier: A :class:`Verifier`; or a function that returns one for the id of a
            tenant, or None. For each of the latest 1024 it is called once in a minute.
        mode: Required: ``off``, ``monitor`` or ``enforce``, or a function from a
            :class:`Question` to one, such as a :class:`ModeFile`. Where that fails,
            it is ``enforce``.
        token: Where the token is: the name of a header, or what ``from_header``,
            ``from_query`` and ``from_cookie`` return. By default the scheme says.
        principal: Where a token does not name its principal: where the id is, or a
            function from the environ to it. Where it is given, every token must be for
            this principal, and one for nobody is refused.
        origins: The origins of the pages that may ask, an :class:`AllowedOrigins` or a
            list of them; None: any.
        allowance: How many sessions without a token ``enforce`` lets in, an
            :class:`Allowance`.
        tenant: Takes the environ and returns the tenant's id, or None. Let it be one
            that the application has established, and compare it with what is asked for.
        meter: Called with every verdict.
        on_event: Called with every :class:`Event`.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    @guarded
    def __init__(
        self,
        app: WSGIApplication,
        *,
        verifier: VerifierSetting,
        mode: ModeSetting,
        token: Location | str | None = None,
        principal: PrincipalReader | None = None,
        origins: AllowedOrigins | Iterable[str] | None = None,
        allowance: Allowance | None = None,
        tenant: TenantReader | None = None,
        meter: CountVerdict | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self.app = app
        self._enforcement = Enforcement(
            verifier,
            mode=mode,
            token=token,
            principal=principal,
            origins=origins,
            allowance=allowance,
            tenant=tenant,
            meter=meter,
            on_event=on_event,
        )
        self._vary = self._enforcement.origins is not None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        enforcement, method = self._enforcement, environ.get("REQUEST_METHOD")
        if method == "OPTIONS" and is_preflight(environ):
            verdict = None
            preflight = enforcement.preflight(environ)
            if preflight is not None:
                answer = preflight_answer(preflight, environ, vary=self._vary)
                return _start(answer, start_response)
        else:
            verdict = enforcement.judge(environ)
            if verdict is not None and verdict.let_in_by is None:
                response = refusal(verdict, vary=self._vary, head=method == "HEAD")
                return _start(response, start_response)
        environ[VERIFIED_IDENTITY_KEY] = None if verdict is None else verdict.identity
        environ[VERDICT_KEY] = verdict
        return self.app(environ, start_response)


def _start(response: Response, start_response: StartResponse) -> list[bytes]:
    status, headers, body = response
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]
