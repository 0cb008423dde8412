"""A service that receives tokens, in the process of a test."""

from __future__ import annotations

from collections import deque
from typing import Any, Unpack

from countermark._redaction import guarded
from countermark._responses import json_response
from countermark.asgi import VerifyingMiddleware
from countermark.asgi._sending import send_response
from countermark.asgi._types import Receive, Scope, Send
from countermark.keys._keyring import Keyring
from countermark.schemes._scheme import Scheme
from countermark.verifying._locations import from_header
from countermark.verifying._modes import ModeSetting
from countermark.verifying._results import Verdict
from countermark.verifying._verifier import Verifier, VerifierOptions


class Receiver:
    """A service that accepts requests with a valid token, behind a ``VerifyingMiddleware``.

    It is an ASGI application. A request with a valid token is answered with 200 and the JSON
    ``{"principal_id": …}``, any other one as the middleware refuses it.

    Args:
        scheme: The scheme, or its name.
        keyring: The keys.
        mode: ``off``, ``monitor`` or ``enforce``, or a function that returns one of them.
        settings: The account's constants that the scheme needs, by name.
        options: Further options of :class:`countermark.Verifier`.

    Raises:
        ConfigurationError: An option is missing or invalid, or the tokens of the scheme
            cannot be verified with an id alone.
    """

    #: The name of the request header that carries the token.
    token_header: str
    #: The name of the header that carries the id, if the token does not contain it.
    id_header: str = "X-Principal-Id"
    #: The verdicts of the latest 100 requests, the oldest first.
    verdicts: deque[Verdict]

    @guarded
    def __init__(
        self,
        scheme: str | Scheme,
        keyring: Keyring,
        *,
        mode: ModeSetting = "enforce",
        settings: dict[str, str] | None = None,
        **options: Unpack[VerifierOptions],
    ) -> None:
        verifier = Verifier(scheme, keyring, settings=settings, **options)
        self.token_header = verifier.scheme.request_header or "X-Token"
        self.verdicts = deque(maxlen=100)
        self._app = VerifyingMiddleware(
            _accept,
            verifier=verifier,
            mode=mode,
            token=self.token_header,
            claimed_id=from_header(self.id_header) if verifier.needs_principal else None,
            meter=self.verdicts.append,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})


async def _accept(scope: Scope, receive: Receive, send: Send) -> None:
    identity: Any = scope["state"]["countermark_verified_identity"]
    content = {"principal_id": None if identity is None else identity.principal_id}
    await send_response(json_response(200, "application/json", content), send)
