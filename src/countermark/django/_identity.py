"""The handle of a request under Django, where threads and an event loop share a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from countermark.django._conf import Configuration
from countermark.principal import Signable
from countermark.signing._principal_lookup import NotLoaded, PrincipalLookup, Resolver
from countermark.signing._request_identity import RequestIdentity


class DjangoLookup(PrincipalLookup):
    """Calls the resolver in synchronous code, and awaits it in an event loop.

    Args:
        resolve: The resolver for synchronous code.
        aresolve: The resolver for an event loop.
        once: Whether the resolver is called at most once.
    """

    __slots__ = ("_aresolve", "_is_loaded", "_latest", "_once", "_resolve")

    needs_load = True

    def __init__(
        self,
        resolve: Resolver,
        aresolve: Callable[[Any], Awaitable[Signable | None]],
        *,
        once: bool,
    ) -> None:
        self._resolve, self._aresolve, self._once = resolve, aresolve, once
        self._is_loaded = False
        self._latest: Signable | None = None

    def current(self, source: Any, /) -> Signable | None:
        if not (_in_event_loop() or self._is_final):
            self._keep(self._resolve(source))
        if not self._is_loaded:
            raise NotLoaded
        return self._latest

    async def load(self, source: Any, /) -> Signable | None:
        if not self._is_final:
            self._keep(await self._aresolve(source))
        return self._latest

    @property
    def _is_final(self) -> bool:
        return self._once and self._is_loaded

    def _keep(self, principal: Signable | None) -> None:
        self._latest, self._is_loaded = principal, True


class DjangoIdentity(RequestIdentity):
    """The principal of a request, and their tokens by scheme.

    Synchronous code may read it at any time, under WSGI and ASGI. Code that runs in an
    event loop, where the database cannot be queried, first does
    ``await identity.load()``; after a login or logout it does so again.
    """

    __slots__ = ("has_answered",)

    def __init__(self, configuration: Configuration, request: Any) -> None:
        super().__init__(configuration.signing, request)
        self._lookup = DjangoLookup(
            configuration.resolve, configuration.aresolve, once=configuration.ask_once
        )
        self.has_answered = False

    async def settle(self) -> None:
        """Look the principal up for the last time, in an event loop."""
        await self.load()
        self._look_up(settle=True)

    def _look_up(self, *, settle: bool = False) -> Any:
        who = super()._look_up(settle=settle)
        if who is not None and self.source is not None:
            # The page may contain what was read. Django's caches do not store it then:
            # cache_page() decides that before the headers are set.
            self.source._cache_update_cache = False  # noqa: SLF001
        return who


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
