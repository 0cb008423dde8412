"""The per-request handle under Django, where threads and an event loop share a request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from countermark.signing._config import AWAIT
from countermark.signing._request_identity import RequestIdentity

if TYPE_CHECKING:
    from countermark.django._conf import Configuration

_NOT_LOADED: Final = object()


class DjangoIdentity(RequestIdentity):
    """Whose request this is, and their tokens by scheme.

    Synchronous code may read it at any time, under WSGI and ASGI. Code that runs
    in an event loop, where the database cannot be asked, first does
    ``await identity.load()``; after a login or logout it does so again.
    """

    __slots__ = ("_configuration", "_loaded", "has_answered")

    def __init__(self, configuration: Configuration, request: Any) -> None:
        super().__init__(configuration.policy, request)
        self._told = AWAIT
        self._configuration = configuration
        self._loaded: Any = _NOT_LOADED
        self.has_answered = False

    async def load(self) -> DjangoIdentity:
        """Find out whose request this is now, and return the identity."""
        if self.needs_load and not self._is_known:
            try:
                self._loaded = await self._configuration.aresolve(self.source)
            except Exception as error:
                if self.needs_load:  # and not told otherwise in the meantime
                    self._fail("resolver_raised", error)
        return self

    async def settle(self) -> None:
        """Find out the principal for the last time, in an event loop: later reads see the same."""
        await self.load()
        if self.needs_load:
            self._told = self._loaded

    def _who_at_last(self) -> Any:
        if self.needs_load:
            who = self._ask_now()
            if self.needs_load:
                self._told = who
        return self._who()

    def _who(self) -> Any:
        if not self.needs_load:
            who = super()._who()
        elif not _in_event_loop():
            who = self._ask_now()
        elif self._loaded is _NOT_LOADED:
            who = super()._who()  # says that it is not loaded
        else:
            who = self._loaded
        if who is not None and self.source is not None:
            # What was read may stand in the page. This keeps Django's caches from storing
            # it, of which cache_page() decides before the headers are there.
            self.source._cache_update_cache = False  # noqa: SLF001
        return who

    def _ask_now(self) -> Any:
        if not self._is_known:
            self._loaded = self._ask()
        return self._loaded

    @property
    def _is_known(self) -> bool:
        """Whether the resolver is one that is called once, and has been."""
        return self._configuration.ask_once and self._loaded is not _NOT_LOADED


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
