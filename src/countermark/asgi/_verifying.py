"""Verifying under ASGI: requests get in with a good token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from countermark._redaction import guarded
from countermark.asgi._sending import send_response
from countermark.asgi._types import App, Message, Receive, Scope, Send
from countermark.events import OnEvent
from countermark.verifying._allowance import Allowance
from countermark.verifying._enforcement import CountVerdict, Enforcement
from countermark.verifying._locations import Location
from countermark.verifying._modes import ModeSetting
from countermark.verifying._origins import AllowedOrigins
from countermark.verifying._refusals import is_preflight, preflight_answer, refusal
from countermark.verifying._request_token import PrincipalReader
from countermark.verifying._results import Verdict
from countermark.verifying._tenants import TenantReader, VerifierSetting

_SHUT_DOWN = {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}


class VerifyingMiddleware:
    """Verifies the token of every request, and in the mode ``enforce`` refuses the others.

    ``scope["state"]["verified_identity"]``, which Starlette shows as
    ``request.state.verified_identity``, is a :class:`VerifiedIdentity` or None, and
    ``verdict`` beside it a :class:`Verdict`; None in the mode ``off``, and for CORS
    preflights that pass. Whether the verified principal may see what is asked for,
    the application decides.

    A refusal is RFC 9457 JSON with status 401 or 403, sent without reading the body. A
    websocket is refused before it is accepted: by such a response where the server
    offers the extension, else with the code 1008, which browsers see as a 403.

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
            function from the scope to it. Where it is given, every token must be for
            this principal, and one for nobody is refused.
        origins: The origins of the pages that may ask, an :class:`AllowedOrigins` or a
            list of them; None: any.
        allowance: How many sessions without a token ``enforce`` lets in, an
            :class:`Allowance`. One with a store needs asyncio.
        tenant: Takes the scope and returns the tenant's id, or None. Let it be one
            that the application has established, and compare it with what is asked for.
        meter: Called with every verdict. One that has ``flush()``, as a :class:`Meter`,
            is told to when the application has shut down.
        on_event: Called with every :class:`Event`.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    @guarded
    def __init__(
        self,
        app: App,
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
        self._admit = _in_thread(self._enforcement) if self._enforcement.waits else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        enforcement = self._enforcement
        if kind not in {"http", "websocket"}:
            if kind == "lifespan" and enforcement.flushes:
                await self._lifespan(scope, receive, send)
            else:
                await self.app(scope, receive, send)
            return
        if scope.get("method") == "OPTIONS" and is_preflight(scope):
            verdict = None
            preflight = enforcement.preflight(scope)
            if preflight is not None:
                await send_response(preflight_answer(preflight, scope, vary=self._vary), send)
                return
        else:
            verdict = enforcement.examine(scope)
            if verdict is not None:
                if enforcement.may_admit(verdict):
                    await self._ask_allowance(verdict, scope)
                enforcement.settle(verdict)
                if verdict.let_in_by is None:
                    await self._refuse(verdict, scope, send)
                    return
        state = scope.get("state")
        if state is None or "verdict" in state:
            # No state, or one that is not the request's own: some test drivers give all
            # requests the same, and one would read the verdict on the other.
            state = scope["state"] = dict(state or ())
        state["verified_identity"] = None if verdict is None else verdict.identity
        state["verdict"] = verdict
        await self.app(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application start and shut down, and the meter write before that is said."""

        async def flush_and_send(message: Message) -> None:
            # Afterwards uvicorn ends the process by the signal that it got, and the
            # interpreter has no time to write anything.
            if message.get("type") in _SHUT_DOWN:
                self._enforcement.flush()
            await send(message)

        try:
            await self.app(scope, receive, flush_and_send)
        finally:
            # An application may also end without a word.
            self._enforcement.flush()

    async def _ask_allowance(self, verdict: Verdict, scope: Scope) -> None:
        if self._admit is None:
            self._enforcement.admit(verdict, scope)
        else:
            await self._admit(verdict, scope)

    async def _refuse(self, verdict: Verdict, scope: Scope, send: Send) -> None:
        response = refusal(verdict, vary=self._vary, head=scope.get("method") == "HEAD")
        if scope["type"] == "http":
            await send_response(response, send)
        elif "websocket.http.response" in (scope.get("extensions") or ()):
            await send_response(response, send, "websocket.http.response")
        else:
            await send({"type": "websocket.close", "code": 1008})


def _in_thread(enforcement: Enforcement) -> Callable[[Verdict, Scope], Awaitable[None]]:
    from asgiref.sync import sync_to_async

    # Not thread-sensitive: requests would wait for one another's answers.
    return sync_to_async(enforcement.admit, thread_sensitive=False)
