"""The configuration that all requests of one middleware share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, TypedDict

from countermark._http import TOKEN
from countermark._option_checks import check_functions, is_async
from countermark.errors import ConfigurationError
from countermark.events import Event, OnEvent, emit
from countermark.keys._user import start_watches
from countermark.signing._principal_lookup import (
    AsyncResolver,
    PrincipalLookup,
    Resolver,
    lookup_of,
)
from countermark.signing._signer import Signer
from countermark.signing._tenants import LoadSigners, TenantSigners, by_scheme

if TYPE_CHECKING:
    from countermark.keys._keyring import Keyring
    from countermark.keys._watch import Watch

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
        "_given",
        "cache_control",
        "lookup",
        "on_event",
        "sign_impersonated",
        "signers",
        "tenants",
        "vary",
        "_watches",
    )

    #: The signers that new requests use, by scheme. Their keys do not change.
    signers: Mapping[str, Signer]
    #: The watches of their keys, with the keys that they had when the signers were made.
    _watches: Mapping[Watch, Keyring]

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
        self._given: Mapping[str, Signer] = {} if callable(signers) else by_scheme(signers)
        found = [watch for signer in self._given.values() for watch in signer._watches]
        self._watches = {watch: watch.now for watch in found}
        self._pin()
        for watch, keys in self._watches.items():
            watch.attach(keys, self._prepare)
        self.lookup = lookup_of(principal, bridge=bridge)
        self.vary = _field_names(vary)
        self.cache_control = cache_control
        self.sign_impersonated = sign_impersonated
        self.on_event = on_event
        for scheme, signer in self.signers.items():
            if signer.scheme.ambiguous:
                emit(Event("ambiguous", "scheme", scheme), on_event)

    def _pin(self) -> None:
        self.signers = {scheme: signer._pinned for scheme, signer in self._given.items()}

    def _prepare(self, watch: Watch, keys: Keyring) -> Callable[[], None]:
        return self._pin  # after the signers, which are older users of the watch

    def _latest_signers(self) -> Mapping[str, Signer]:
        """Return the signers for a request, after the watches of their keys have started."""
        start_watches(self._watches)
        return self.signers

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
