"""Finds the principal of a request.

A request holds one lookup. Once the principal is settled, it is replaced by a
:class:`KnownPrincipal`. A lookup that only holds the resolver is shared by all requests of a
middleware.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeAlias

from countermark._option_checks import is_async
from countermark.principal import Signable

#: Takes the ASGI scope or the WSGI environ and returns the principal; None: anonymous.
Resolver: TypeAlias = "Callable[[Any], Signable | None]"
AsyncResolver: TypeAlias = "Callable[[Any], Awaitable[Signable | None]]"


class NotLoaded(Exception):
    """The principal must be loaded, by awaiting it, before it can be read."""


class PrincipalLookup:
    """The way to a request's principal.

    Each method takes the scope or environ, and raises what the resolver raises.
    """

    __slots__ = ()

    #: Whether the resolver has been called for the last time.
    is_settled: ClassVar[bool] = False
    #: Whether :meth:`load` must be awaited before the principal is read.
    needs_load: ClassVar[bool] = False
    #: Whether the first read settles the principal.
    settles_when_read: ClassVar[bool] = False
    #: Whether the principal could not be looked up.
    failed: ClassVar[bool] = False

    @property
    def principal(self) -> Signable | None:
        """The principal, once it is settled; None: anonymous."""
        return None

    @property
    def once(self) -> PrincipalLookup:
        """The lookup that calls the resolver once at most."""
        return self

    def current(self, source: Any, /) -> Signable | None:
        """Return the principal as of now.

        Raises:
            NotLoaded: It must be loaded first.
        """
        raise NotImplementedError

    async def load(self, source: Any, /) -> PrincipalLookup:
        """Return the lookup after the resolver was awaited."""
        return self


class KnownPrincipal(PrincipalLookup):
    """A principal that is settled. :func:`known` makes one."""

    __slots__ = ("principal",)

    is_settled = True
    principal: Signable | None


class FailedLookup(KnownPrincipal):
    """The principal could not be looked up, so nothing is signed."""

    __slots__ = ()

    failed = True


class SyncLookup(PrincipalLookup):
    """Calls the resolver at every read, so that a login or logout in the view counts."""

    __slots__ = ("current", "once")

    current: Callable[[Any], Signable | None]
    once: PrincipalLookup

    def __init__(self, resolve: Resolver) -> None:
        self.current = resolve
        self.once = OnceLookup(resolve)


class OnceLookup(PrincipalLookup):
    """Calls the resolver at the first read, and keeps the result."""

    __slots__ = ("current",)

    current: Callable[[Any], Signable | None]
    settles_when_read = True

    def __init__(self, resolve: Resolver) -> None:
        self.current = resolve


class AsyncLookup(PrincipalLookup):
    """Awaits the resolver, and keeps the result."""

    __slots__ = ("_resolve",)

    needs_load = True

    def __init__(self, resolve: AsyncResolver) -> None:
        self._resolve = resolve

    def current(self, source: Any, /) -> Signable | None:
        raise NotLoaded

    async def load(self, source: Any, /) -> PrincipalLookup:
        return known(await self._resolve(source))


def known(principal: Signable | None) -> KnownPrincipal:
    """Return the settled lookup of *principal*; None: anonymous."""
    lookup = KnownPrincipal()  # without __init__, which would cost more than all the rest
    lookup.principal = principal
    return lookup


def lookup_of(resolver: Any, *, bridge: bool) -> PrincipalLookup:
    """Return the lookup that all requests begin with.

    Args:
        resolver: The resolver, a function or ``async def``.
        bridge: Whether code that cannot await runs an ``async def``, through asgiref.
    """
    if not is_async(resolver):
        return SyncLookup(resolver)
    if not bridge:
        return AsyncLookup(resolver)
    from asgiref.sync import async_to_sync

    return OnceLookup(async_to_sync(resolver))


ANONYMOUS = known(None)
FAILED = FailedLookup()
FAILED.principal = None
