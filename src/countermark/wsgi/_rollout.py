"""The report of a rollout as a page, under WSGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Unpack

from countermark._option_checks import check_functions
from countermark._redaction import guarded
from countermark.wsgi._sending import send_response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from countermark.redis import RedisStore
    from countermark.rollout._meter import Meter
    from countermark.rollout._page_source import PageOptions


class RolloutPage:
    """The report of a rollout as a page: a WSGI application to mount behind a login.

    It responds as :class:`countermark.asgi.RolloutPage` does, and takes the same arguments.
    *authorize* takes the environ and is not async.

    Raises:
        ConfigurationError: An argument is invalid.
    """

    @guarded
    def __init__(
        self,
        counts: Meter | RedisStore,
        *,
        authorize: Callable[[WSGIEnvironment], bool],
        **options: Unpack[PageOptions],
    ) -> None:
        # Late, as most applications have no page.
        from countermark.rollout._page_source import PageSource

        check_functions(authorize=authorize)
        self._authorize = authorize
        self._source = PageSource(counts, authorize, **options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Return the page, or the reason why not."""
        source, method = self._source, environ["REQUEST_METHOD"]
        refusal = source.refusal(self._authorize(environ), method)
        return send_response(refusal or source.respond(method), start_response)
