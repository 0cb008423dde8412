"""Verifying under ASGI: only requests with a valid token are allowed."""

from __future__ import annotations

from countermark.asgi._lifespan import run_lifespan
from countermark.asgi._sending import send_response
from countermark.asgi._types import App, Receive, Scope, Send
from countermark.verifying._middleware import VerifyingBase
from countermark.verifying._refusals import is_preflight
from countermark.verifying._results import Verdict

#: The keys of the request's state.
VERIFIED_IDENTITY_KEY = "countermark_verified_identity"
VERDICT_KEY = "countermark_verdict"


class VerifyingMiddleware(VerifyingBase[App]):
    """Verifies the token of each request, and refuses unverified requests in ``enforce``.

    ``scope["state"]["countermark_verified_identity"]`` is a :class:`VerifiedIdentity` or
    None, and ``countermark_verdict`` in the same dictionary is a :class:`Verdict`;
    Starlette shows them as attributes of ``request.state``. The verdict is None in the
    mode ``off`` and for CORS preflights that the application answers. The application
    decides what the verified principal may see.

    A websocket is refused before it is accepted: with a response if the server supports the
    extension, otherwise with the code 1008, which browsers see as a 403.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        enforcement = self._enforcement
        if kind not in {"http", "websocket"}:
            if kind == "lifespan":
                await run_lifespan(self.app, scope, receive, send, enforcement.flush)
            else:
                await self.app(scope, receive, send)
            return
        verdict = None
        if scope.get("method") == "OPTIONS" and is_preflight(scope):
            answer = enforcement.answer_preflight(scope)
            if answer is not None:
                await send_response(answer, send)
                return
        else:
            verdict = await enforcement.ajudge(scope)
            if verdict is not None and verdict.admitted_by is None:
                await self._refuse(verdict, scope, send)
                return
        state = scope.get("state")
        if state is None or VERDICT_KEY in state:
            # Some test clients give all requests the same state. A copy keeps the verdict
            # of one request out of the others.
            state = scope["state"] = dict(state or ())
        state[VERIFIED_IDENTITY_KEY] = None if verdict is None else verdict.identity
        state[VERDICT_KEY] = verdict
        await self.app(scope, receive, send)

    async def _refuse(self, verdict: Verdict, scope: Scope, send: Send) -> None:
        response = self._enforcement.refusal(verdict, scope)
        if scope["type"] == "http":
            await send_response(response, send)
        elif "websocket.http.response" in (scope.get("extensions") or ()):
            await send_response(response, send, "websocket.http.response")
        else:
            await send({"type": "websocket.close", "code": 1008})
