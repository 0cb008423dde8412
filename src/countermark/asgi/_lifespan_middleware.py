"""The lifespan for applications that have none, or no other middleware of this package."""

from __future__ import annotations

from countermark.asgi._lifespan import run_lifespan
from countermark.asgi._types import App, Message, Receive, Scope, Send

# What applications without a lifespan raise. Starlette builds its middlewares at the startup
# event, so other errors show mistakes in their options.
_NO_LIFESPAN = (AssertionError, NotImplementedError, ValueError)


class LifespanMiddleware:
    """Lets the background of this process write the last counts when the server shuts down.

    The other middlewares of this package do so too. Use this one if a meter or another part
    with work in the background is used without a middleware, as by ``TokenBackend`` or
    ``verified_identity``, and for applications without a lifespan, such as Django's:
    ``app = LifespanMiddleware(app)``, or ``app.add_middleware(LifespanMiddleware)``. An
    application that raises before it has received the startup event has no lifespan; the
    server gets its confirmations from this middleware then.

    Args:
        app: The application.
    """

    __slots__ = ("app",)

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        has_lifespan = False

        async def receive_and_note() -> Message:
            nonlocal has_lifespan
            has_lifespan = True
            return await receive()

        try:
            await run_lifespan(self.app, scope, receive_and_note, send)
        except _NO_LIFESPAN:
            if has_lifespan:
                raise
        if not has_lifespan:
            await run_lifespan(_confirm, scope, receive, send)


async def _confirm(scope: Scope, receive: Receive, send: Send) -> None:
    """Be an application with an empty lifespan."""
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
