"""The configuration that all requests of one middleware share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias, TypedDict

from countermark._http import TOKEN
from countermark._option_checks import check_functions, is_async
from countermark.errors import ConfigurationError
from countermark.events import Event, OnEvent, emit
from countermark.signing._principal_lookup import (
    AsyncResolver,
    PrincipalLookup,
    Resolver,
    lookup_of,
)
from countermark.signing._signer import Signer
from countermark.signing._tenants import FollowedSigners, LoadSigners, TenantSigners, by_scheme

#: The values of ``signers=``.
Signers: TypeAlias = "Signer | Iterable[Signer] | LoadSigners"

#: The request headers that decide who the user is, in most applications.
DEFAULT_VARY: Final = ("Cookie", "Authorization")

_FIELD_NAME = re.compile(TOKEN)


class SigningOptions(TypedDict, total=False):
    """The options of :class:`SigningConfig` that have defaults, for callers that pass them on."""

    vary: str | Iterable[str]
    cache_control: str
    sign_impersonated: bool
    on_event: OnEvent | None


class SigningConfig:
    """The checked options of a signing middleware, which all its requests share.

    Args:
        signers: One signer or several, of different schemes and headers; or a function that
            takes the id of a tenant and returns its signers. It is called once a minute for
            each of the latest 1024 tenants, unless a :class:`PerTenant` sets other numbers.
        principal: The resolver: takes the scope or environ and returns the principal, a
            ``Principal`` or an id, or None if the request is anonymous. It is called at
            every read of the identity and when the response starts, so it should be cheap.
            An ``async def`` is awaited once.
        vary: The request header that decides who the user is, or several. Merged into
            ``Vary``.
        cache_control: The directive merged into ``Cache-Control`` next to a token:
            ``no-store``, which adds ``private``; or ``private`` alone, with which a browser
            keeps the response and shows it again on back and forward navigation.
        sign_impersonated: Whether to sign for a principal who has an actor.
        on_event: Called with each :class:`Event`.
        bridge: Whether to run an ``async def`` from code that cannot await, through asgiref.

    Raises:
        ConfigurationError: An option is missing or invalid, or two do not fit together.
    """

    __slots__ = (
        "__weakref__",
        "_followed",
        "cache_control",
        "lookup",
        "on_event",
        "sign_impersonated",
        "tenants",
        "vary",
    )

    #: The lookup that each request begins with.
    lookup: PrincipalLookup

    def __init__(
        self,
        signers: Signers,
        principal: Resolver | AsyncResolver,
        *,
        vary: str | Iterable[str] = DEFAULT_VARY,
        cache_control: str = "no-store",
        sign_impersonated: bool = False,
        on_event: OnEvent | None = None,
        bridge: bool = False,
    ) -> None:
        if not callable(principal):
            raise ConfigurationError(
                "principal= must be a function that takes the scope or environ and returns the"
                " principal; see countermark.resolvers"
            )
        check_functions(on_event=on_event)
        flag: object = sign_impersonated
        if not isinstance(flag, bool):
            raise ConfigurationError("sign_impersonated= must be True or False, not a text")
        if callable(signers) and is_async(signers):
            raise ConfigurationError(
                "signers= must not be async; load what the function needs beforehand"
            )
        if cache_control not in ("private", "no-store"):
            raise ConfigurationError("cache_control= must be 'no-store' or 'private'")
        self.tenants = TenantSigners(signers) if callable(signers) else None
        self._followed = FollowedSigners({} if callable(signers) else by_scheme(signers))
        self.lookup = lookup_of(principal, bridge=bridge)
        self.vary = _field_names(vary)
        self.cache_control = cache_control
        self.sign_impersonated = sign_impersonated
        self.on_event = on_event
        for scheme, signer in self.signers.items():
            if signer.scheme.ambiguous:
                emit(Event("ambiguous", "scheme", scheme), on_event)

    @property
    def signers(self) -> Mapping[str, Signer]:
        """The signers that new requests use, by scheme. Their keys do not change."""
        return self._followed.now

    @property
    def asynchronous(self) -> bool:
        """True if the resolver must be awaited."""
        return self.lookup.needs_load


def _field_names(vary: object) -> list[str]:
    several = isinstance(vary, Iterable) and not isinstance(vary, str)
    names: list[object] = list(vary) if several else [vary]  # type: ignore[call-overload]
    found = [name for name in names if isinstance(name, str) and _FIELD_NAME.fullmatch(name)]
    if found != names:
        raise ConfigurationError("vary= takes names of request headers, such as 'Cookie'")
    return found
