"""Finds the principal of a request: one class for each kind of resolver.

A request holds one lookup until its principal is settled. Then it holds ``SETTLED``, or
``FAILED``. A lookup that only knows the resolver is shared by all requests of a middleware.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, TypeAlias

from countermark._option_checks import is_async
from countermark.principal import Signable

#: Takes the ASGI scope or the WSGI environ and returns the principal; None: anonymous.
Resolver: TypeAlias = "Callable[[Any], Signable | None]"
AsyncResolver: TypeAlias = "Callable[[Any], Awaitable[Signable | None]]"


class NotLoaded(Exception):
    """The principal must be loaded, by awaiting it, before it can be read."""


class PrincipalLookup:
    """A way to the principal of a request, and the properties of that way."""

    __slots__ = ()

    #: Whether the resolver is not called any more.
    is_settled: ClassVar[bool] = False
    #: Whether the principal could not be looked up.
    failed: ClassVar[bool] = False
    #: Whether the resolver is called once, so that its first result is settled.
    is_once: ClassVar[bool] = False
    #: Whether :meth:`load` must be awaited before the principal is read.
    needs_load: ClassVar[bool] = False

    #: Returns the current principal of a scope or environ; raises NotLoaded.
    current: Resolver
    #: Returns the principal by awaiting the resolver, if :attr:`needs_load`.
    load: AsyncResolver

    @property
    def once(self) -> PrincipalLookup:
        """The lookup with the same resolver that calls it at most once."""
        return self


class SyncLookup(PrincipalLookup):
    """Calls the resolver at every read, so that a login or logout in the view counts."""

    __slots__ = ("current", "once")

    once: PrincipalLookup

    def __init__(self, resolve: Resolver) -> None:
        self.current = resolve
        self.once = OnceLookup(resolve)


class OnceLookup(PrincipalLookup):
    """Calls the resolver at the first read."""

    __slots__ = ("current",)

    is_once = True

    def __init__(self, resolve: Resolver) -> None:
        self.current = resolve


class AsyncLookup(PrincipalLookup):
    """Awaits the resolver when the principal is loaded."""

    __slots__ = ("load",)

    is_once = True
    needs_load = True

    def __init__(self, resolve: AsyncResolver) -> None:
        self.load = resolve

    def current(self, source: Any, /) -> Signable | None:
        raise NotLoaded


class _Settled(PrincipalLookup):
    __slots__ = ()

    is_settled = True


class _Failed(_Settled):
    __slots__ = ()

    failed = True


#: The principal is known: the request keeps it.
SETTLED: Final = _Settled()
#: The principal could not be looked up, so nothing is signed.
FAILED: Final = _Failed()


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
