"""Loads the signers of tenants, if each tenant has its own keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from countermark.errors import ConfigurationError
from countermark.keys._tenant_cache import PerTenant, TenantCache
from countermark.keys._user import start_watches
from countermark.signing._signer import Signer

#: Takes the id of a tenant and returns its signers; None for an unknown tenant.
LoadSigners = Callable[[str], Signer | Iterable[Signer] | None]


class TenantSigners(TenantCache[Mapping[str, Signer]]):
    """The signers of tenants, by scheme, used for a time after they were loaded.

    Args:
        load: The function that loads the signers of a tenant, or a :class:`PerTenant`.

    Expired signers are not used while loading fails, because a withdrawn key must not sign:
    the page gets no token, and the event ``failed`` gives the reason.
    """

    __slots__ = ()

    def __init__(self, load: LoadSigners) -> None:
        def load_by_scheme(tenant: str) -> Mapping[str, Signer] | None:
            signers = load(tenant)
            if not signers:
                return None
            found = by_scheme(signers)
            for signer in found.values():
                start_watches(signer._watches)
            return {scheme: signer._pinned for scheme, signer in found.items()}

        kept = load if isinstance(load, PerTenant) else PerTenant(load)
        super().__init__(load_by_scheme, size=kept.size, seconds=kept.seconds)


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
