"""The handle of a request under Django, where threads and an event loop share a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from countermark.django._conf import Configuration
from countermark.principal import Signable
from countermark.signing._principal_lookup import (
    KnownPrincipal,
    NotLoaded,
    PrincipalLookup,
    Resolver,
    known,
)
from countermark.signing._request_identity import RequestIdentity


class DjangoLookup(PrincipalLookup):
    """Calls the resolver in synchronous code, and awaits it in an event loop.

    Args:
        resolve: The resolver for synchronous code.
        aresolve: The resolver for an event loop.
        once: Whether the resolver is called at most once.
    """

    __slots__ = ("_aresolve", "_once", "_resolve", "loaded")

    needs_load = True

    #: The latest result of the resolver, None before.
    loaded: KnownPrincipal | None

    def __init__(
        self,
        resolve: Resolver,
        aresolve: Callable[[Any], Awaitable[Signable | None]],
        *,
        once: bool,
    ) -> None:
        self._resolve, self._aresolve, self._once = resolve, aresolve, once
        self.loaded = None

    def current(self, source: Any, /) -> Signable | None:
        if not (_in_event_loop() or self._is_final):
            self.loaded = known(self._resolve(source))
        if self.loaded is None:
            raise NotLoaded
        return self.loaded.principal

    async def load(self, source: Any, /) -> PrincipalLookup:
        if not self._is_final:
            self.loaded = known(await self._aresolve(source))
        return self  # synchronous code and later loads look the principal up again

    @property
    def _is_final(self) -> bool:
        return self._once and self.loaded is not None


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
        if isinstance(self._lookup, DjangoLookup) and self._lookup.loaded is not None:
            self._lookup = self._lookup.loaded

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
