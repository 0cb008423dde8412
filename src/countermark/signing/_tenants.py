"""Loads the signers of tenants, if each tenant has its own keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from countermark.errors import ConfigurationError
from countermark.keys._tenant_cache import PerTenant, TenantCache
from countermark.keys._user import start_watches
from countermark.signing._signer import Signer

if TYPE_CHECKING:
    from countermark.keys._keyring import Keyring
    from countermark.keys._watch import Watch

#: Takes the id of a tenant and returns its signers; None for an unknown tenant.
LoadSigners = Callable[[str], Signer | Iterable[Signer] | None]


class FollowedSigners:
    """The signers of requests, by scheme. Their keys may be watched.

    Args:
        given: The signers that the application has made.
    """

    __slots__ = ("__weakref__", "_given", "now", "watches")

    #: The signers that new requests use. Their keys do not change.
    now: Mapping[str, Signer]
    #: The watches of their keys, with the keys that they had when this was made.
    watches: Mapping[Watch, Keyring]

    def __init__(self, given: Mapping[str, Signer]) -> None:
        self._given = given
        found = [watch for signer in given.values() for watch in signer._watches]
        self.watches = {watch: watch.now for watch in found}
        self._pin()
        for watch, keys in self.watches.items():
            watch.attach(keys, self._prepare)

    def _pin(self) -> None:
        self.now = {scheme: signer._pinned for scheme, signer in self._given.items()}

    def _prepare(self, watch: Watch, keys: Keyring) -> Callable[[], None]:
        return self._pin  # after the signers, which are older users of the watch

    def latest(self) -> Mapping[str, Signer]:
        """Return the signers for a request, after the watches of their keys have started."""
        start_watches(self.watches)
        return self.now


class TenantSigners(TenantCache[FollowedSigners]):
    """The signers of tenants, by scheme, used for a time after they were loaded.

    Args:
        load: The function that loads the signers of a tenant, or a :class:`PerTenant`.

    Expired signers are not used while loading fails, because a withdrawn key must not sign:
    the page gets no token, and the event ``failed`` gives the reason.
    """

    __slots__ = ()

    def __init__(self, load: LoadSigners) -> None:
        def load_by_scheme(tenant: str) -> FollowedSigners | None:
            signers = load(tenant)
            return FollowedSigners(by_scheme(signers)) if signers else None

        kept = load if isinstance(load, PerTenant) else PerTenant(load)
        super().__init__(load_by_scheme, size=kept.size, seconds=kept.seconds)

    def latest(self, tenant: str) -> Mapping[str, Signer]:
        """Return the signers for a request of *tenant*; none if it is unknown.

        Raises:
            Exception: Loading raised it.
        """
        found = self.of(tenant)
        return {} if found is None else found.latest()


def by_scheme(signers: Signer | Iterable[Signer]) -> dict[str, Signer]:
    """Return *signers* by scheme.

    Raises:
        ConfigurationError: There is no signer, or two have the same scheme or header.
    """
    several = isinstance(signers, Iterable) and not isinstance(signers, str)
    listed: list[object] = list(signers) if several else [signers]  # type: ignore[arg-type]
    if not listed:
        raise ConfigurationError(
            "signers= is empty; give it a Signer, for instance Signer.from_env('stigg')"
        )
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
