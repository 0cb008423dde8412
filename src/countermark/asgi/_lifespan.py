"""The lifespan: last counts are written before the shutdown is confirmed."""

from __future__ import annotations

import sys
from collections.abc import Callable

from countermark.asgi._types import App, Message, Receive, Scope, Send

_SHUT_DOWN = {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}


async def run_lifespan(
    app: App, scope: Scope, receive: Receive, send: Send, flush: Callable[[], object] | None = None
) -> None:
    """Run the lifespan of *app*, and let the background write when it has shut down.

    It waits for that for up to 5 seconds. Nothing is stopped, as the process may have another
    application.
    """

    async def flush_and_send(message: Message) -> None:
        # After the confirmation uvicorn ends the process by the signal that it got, and
        # the interpreter has no time to write anything.
        if message.get("type") in _SHUT_DOWN:
            _flush(flush)
        await send(message)

    try:
        await app(scope, receive, flush_and_send)
    finally:
        # An application may also return without a message.
        _flush(flush)


def _flush(flush: Callable[[], object] | None) -> None:
    # Only an import of this module begins work, and it imports threading.
    if "countermark._background" in sys.modules:
        from countermark import _background

        _background.flush()
    if flush is not None:
        flush()
