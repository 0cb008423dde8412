"""A whole ASGI request on an event loop, for the peer that cannot do without one."""

from __future__ import annotations

import asyncio

from benchmarks.asgi_peers import StarletteTwin, answer, user_id
from benchmarks.asgi_stack import fresh_scope, receive, send
from benchmarks.measure import Bar, Block, Suite, Variant
from benchmarks.subject import KEYRING, SIGNED_IN
from countermark import Signer
from countermark.asgi import App, SigningMiddleware

_BARE = "bare application"
_SIGNED = "countermark, header and state"
_TWIN = "BaseHTTPMiddleware, hmac.new"


def suite() -> Suite:
    """Return the middleware and its twin on ``BaseHTTPMiddleware``."""
    loop = asyncio.new_event_loop()
    signed = SigningMiddleware(answer, signers=Signer("stigg", KEYRING), principal=user_id)
    return Suite(
        "ASGI, on an asyncio event loop",
        [
            Variant(_BARE, requests_on(answer, loop)),
            Variant(_SIGNED, requests_on(signed, loop), _BARE, ours=True),
            Variant(_TWIN, requests_on(StarletteTwin(answer), loop), _BARE),
        ],
        [Bar("ASGI, header and state / `BaseHTTPMiddleware` twin", 0.05, _SIGNED, _TWIN)],
        count=100,
    )


def requests_on(app: App, loop: asyncio.AbstractEventLoop) -> Block:
    """Return the block that runs requests of somebody through *app* on *loop*."""

    async def run(count: int) -> None:
        for _ in range(count):
            await app(fresh_scope(SIGNED_IN), receive, send)

    return lambda count: loop.run_until_complete(run(count))
