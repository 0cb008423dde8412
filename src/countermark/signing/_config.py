"""What all requests of one middleware share: who signs, and how to tell whose request it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from countermark._option_checks import is_async
from countermark.errors import ConfigurationError
from countermark.events import Event, OnEvent, emit
from countermark.principal import Signable
from countermark.signing._signer import Signer
from countermark.signing._tenants import LoadSigners, TenantSigners, by_scheme

T = TypeVar("T")

#: The name of a response header, encoded, and the signer whose token it carries.
Carrier = tuple[T, Signer]

#: What a middleware takes for ``signers=``.
Signers: TypeAlias = "Signer | Iterable[Signer] | LoadSigners"

#: Takes the ASGI scope or the WSGI environ and says who that is; None: nobody.
Resolver: TypeAlias = "Callable[[Any], Signable | None]"
AsyncResolver: TypeAlias = "Callable[[Any], Awaitable[Signable | None]]"

# What an identity has been told, where that is no principal: ask the resolver each
# time, await it, run it once; or that it failed.
ASK: Final = object()
AWAIT: Final = object()
RUN_ONCE: Final = object()
FAILED: Final = object()


class IdentityPolicy:
    """What the identities of all requests of one middleware share.

    Args:
        signers: One signer or several, of different schemes and headers; or a
            function that returns them for the id of a tenant.
        principal: The resolver, a callable of the scope or environ.
        sign_impersonated: Whether to sign for a principal who has an actor.
        on_event: Called with every event.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    __slots__ = (
        "on_event",
        "resolve",
        "sign_impersonated",
        "signers",
        "tenants",
        "told_at_first",
    )

    def __init__(
        self,
        signers: Signers,
        principal: Resolver | AsyncResolver,
        *,
        sign_impersonated: bool = False,
        on_event: OnEvent | None = None,
    ) -> None:
        if not callable(principal):
            raise ConfigurationError(
                "principal= must be a callable that takes the scope or environ and says whose"
                " request it is; see countermark.resolvers"
            )
        hook: object = on_event
        if hook is not None and (not callable(hook) or is_async(hook)):
            raise ConfigurationError(
                "on_event= must be callable, and no coroutine function; give a plain one"
            )
        given: object = sign_impersonated
        if not isinstance(given, bool):
            raise ConfigurationError(
                "sign_impersonated= must be True or False, and no text; convert it"
            )
        if callable(signers) and is_async(signers):
            raise ConfigurationError(
                "signers= must be no coroutine function; load what it needs beforehand"
            )
        self.tenants = TenantSigners(signers) if callable(signers) else None
        self.signers = {} if callable(signers) else by_scheme(signers)
        self.resolve: Any = principal
        self.told_at_first = AWAIT if is_async(principal) else ASK
        self.sign_impersonated = sign_impersonated
        self.on_event = on_event
        for scheme, signer in self.signers.items():
            if signer.scheme.ambiguous:
                emit(Event("ambiguous", "scheme", scheme), on_event)

    @property
    def asynchronous(self) -> bool:
        """Whether the resolver must be awaited."""
        return self.told_at_first is AWAIT

    def bridge(self) -> None:
        """Let code that cannot await call an asynchronous resolver, once per request."""
        from asgiref.sync import async_to_sync

        self.resolve = async_to_sync(self.resolve)
        self.told_at_first = RUN_ONCE

    def header_names(self, encode: Callable[[str], T]) -> list[T] | None:
        """Return the names of the headers that carry tokens; None: any, as tenants say."""
        if self.tenants is not None:
            return None
        return [name for name, _ in carriers_of(self.signers, encode)]


def carriers_of(signers: Mapping[str, Signer], encode: Callable[[str], T]) -> list[Carrier[T]]:
    """Return those of *signers* that have a header, each after its encoded name."""
    return [
        (encode(signer.header), signer) for signer in signers.values() if signer.header is not None
    ]
