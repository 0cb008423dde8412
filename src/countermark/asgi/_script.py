"""The JavaScript of the front end under ASGI."""

from __future__ import annotations

from countermark.asgi._sending import send_response
from countermark.asgi._types import Receive, Scope, Send
from countermark.frontend._serving import respond_script


class ScriptEndpoint:
    """The module ``countermark.js``: an ASGI application to mount anywhere.

    It is the same for all users. Browsers keep it and ask each time whether it has changed.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close"})
            return
        given = [value for name, value in scope["headers"] if name.lower() == b"if-none-match"]
        tags = b",".join(given).decode("latin-1") if given else None
        await send_response(respond_script(scope["method"], tags), send)
