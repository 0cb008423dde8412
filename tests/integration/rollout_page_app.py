"""Serves the page of a meter to a signed-in user; other paths fill the meter."""

from __future__ import annotations

from countermark.asgi import Receive, RolloutPage, Scope, Send
from countermark.rollout import Meter
from tests.rollout.verdicts import unverified, verified

meter = Meter()


def signed_in(scope: Scope) -> bool:
    return (b"cookie", b"user=admin") in scope["headers"]


page = RolloutPage(meter, authorize=signed_in, refresh=0.3)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the page at ``/rollout``; ``/verified`` and ``/missing`` count a request."""
    if scope["type"] == "http" and scope["path"] == "/rollout":
        await page(scope, receive, send)
    elif scope["type"] == "http":
        if scope["path"] == "/verified":
            meter(verified())
        elif scope["path"] == "/missing":
            meter(unverified())
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
