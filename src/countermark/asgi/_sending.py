"""Sends complete responses under ASGI."""

from __future__ import annotations

from countermark._responses import Response
from countermark.asgi._types import Send


async def send_response(response: Response, send: Send, kind: str = "http.response") -> None:
    """Send a response in messages with types that begin with *kind*."""
    status, headers, body = response
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    await send({"type": f"{kind}.start", "status": status, "headers": encoded})
    await send({"type": f"{kind}.body", "body": body})
