"""What all requests of one middleware share: who signs, and how to tell whose request it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeAlias, TypeVar

from countermark.errors import ConfigurationError
from countermark.events import Event, OnEvent, emit
from countermark.principal import Signable
from countermark.signer import Signer

T = TypeVar("T")

#: The name of a response header, encoded, and the signer whose token it carries.
Carrier = tuple[T, Signer]

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
        signers: One signer or several, of different schemes and headers.
        principal: The resolver, a callable of the scope or environ.
        sign_impersonated: Whether to sign for a principal who has an actor.
        on_event: Called with every event.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    __slots__ = ("on_event", "resolve", "sign_impersonated", "signers", "told_at_first")

    def __init__(
        self,
        signers: Signer | Iterable[Signer],
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
            raise ConfigurationError("on_event= must be callable, and no coroutine function")
        self.signers = _by_scheme(signers)
        self.resolve: Any = principal
        self.told_at_first = AWAIT if is_async(principal) else ASK
        self.sign_impersonated = sign_impersonated
        self.on_event = on_event
        for scheme, signer in self.signers.items():
            if signer.scheme.ambiguous:
                emit(Event("ambiguous", "recipe", scheme), on_event)

    @property
    def asynchronous(self) -> bool:
        """Whether the resolver must be awaited."""
        return self.told_at_first is AWAIT

    def bridge(self) -> None:
        """Let code that cannot await call an asynchronous resolver, once per request."""
        from asgiref.sync import async_to_sync

        self.resolve = async_to_sync(self.resolve)
        self.told_at_first = RUN_ONCE

    def carriers(self, encode: Callable[[str], T]) -> list[Carrier[T]]:
        """Return the signers that have a header, each after its encoded name."""
        return [
            (encode(signer.header), signer)
            for signer in self.signers.values()
            if signer.header is not None
        ]


def is_async(function: object) -> bool:
    """Tell whether calling *function* gives something to await."""
    from inspect import iscoroutinefunction  # late, as it is slow to import

    return iscoroutinefunction(function) or iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # an object with an async __call__
    )


def _by_scheme(signers: Signer | Iterable[Signer]) -> dict[str, Signer]:
    several = isinstance(signers, Iterable) and not isinstance(signers, str)
    listed: list[object] = list(signers) if several else [signers]  # type: ignore[arg-type]
    if not listed:
        raise ConfigurationError("signers= is empty; give it a Signer")
    schemes: dict[str, Signer] = {}
    headers: dict[str, str] = {}
    for signer in listed:
        if not isinstance(signer, Signer):
            raise ConfigurationError(
                f"signers= takes Signer objects, not {type(signer).__name__};"
                " for instance Signer.from_env('stigg')"
            )
        slug = signer.scheme.slug
        if slug in schemes:
            raise ConfigurationError(f"two signers are for the scheme {slug!r}; keep one")
        schemes[slug] = signer
        if signer.header is not None:
            taken = headers.setdefault(signer.header.lower(), slug)
            if taken != slug:
                raise ConfigurationError(
                    f"the signers for {taken!r} and {slug!r} have the same header"
                    f" {signer.header!r}; give one of them another with header="
                )
    return schemes
