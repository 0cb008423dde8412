"""The report of a rollout as a page, under ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Unpack

from countermark._redaction import guarded
from countermark._threads import in_thread
from countermark.asgi._sending import send_response
from countermark.asgi._types import Receive, Scope, Send

if TYPE_CHECKING:
    from countermark.redis import RedisStore
    from countermark.rollout._meter import Meter
    from countermark.rollout._page_source import PageOptions


class RolloutPage:
    """The report of a rollout as a page: an ASGI application to mount behind a login.

    The page updates itself while it is open. It shows no ids of principals, but the names of
    tenants and origins, and how many requests a service gets. So each request must be
    authorized; there is no default.

    The status of GET and HEAD is 200; 403 if the request is not authorized; 503 if Redis does
    not answer. Counts are read in a thread, at most once in *refresh* seconds.

    Args:
        counts: The meter of this process, if there is only one process. Otherwise a
            :class:`countermark.redis.RedisStore` with the URL and prefix of the meters' store,
            but of its own, because a slow read makes a store pause.
        authorize: Takes the ASGI scope and returns True if the request may read the page, and
            otherwise False. It may be async. If it raises, or returns anything else, the
            request fails.
        options: *days* is the number of whole days in addition to today, from 1 to 30 (7).
            *least* is the percentage of requests that must be verified (99.9). *allowance* is
            that of the middleware, to show what is left of it. *refresh* is the number of
            seconds between two updates of an open page, from above 0 to 3600 (10).

    Raises:
        ConfigurationError: An argument is invalid.
    """

    @guarded
    def __init__(
        self,
        counts: Meter | RedisStore,
        *,
        authorize: Callable[[Scope], bool | Awaitable[bool]],
        **options: Unpack[PageOptions],
    ) -> None:
        # Late, as most applications have no page.
        from countermark.rollout._page_source import PageSource

        self._authorize = authorize
        self._source = PageSource(counts, authorize, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page, or the reason why not."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close"})
            return
        answer = self._authorize(scope)
        if isinstance(answer, Awaitable):
            answer = await answer
        method = scope["method"]
        response = self._source.refusal(answer, method)
        if response is None:
            response = await in_thread(self._source.respond, method)
        await send_response(response, send)
