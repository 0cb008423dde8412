"""What belongs to each tenant, where each has keys of its own."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Final, Generic, TypeVar

from countermark.errors import ConfigurationError
from countermark.signer import Signer

T = TypeVar("T")

#: Takes the id of a tenant and returns its signers; nothing for one that is not known.
LoadSigners = Callable[[str], Signer | Iterable[Signer] | None]

#: How long what belongs to a tenant is used before it is loaded again, in seconds: so long a
#: key goes on signing, or being accepted, after it was taken away.
KEPT_FOR: Final = 60

#: How many tenants are kept. The one that was not asked for longest goes first.
MAX_TENANTS = 1024


class TenantCache(Generic[T]):
    """Loads what belongs to a tenant, and keeps that of the latest tenants.

    Tenants are told apart by the exact text of their ids. One that is not known is
    not kept, so that it is found as soon as it exists.

    Args:
        load: Takes the id of a tenant; None: it is not known.
        kept_for: How long what was loaded is good for, in seconds.
        clock: Returns seconds that never go back.
    """

    __slots__ = ("_clock", "_kept", "_kept_for", "_load", "_lock")

    def __init__(
        self,
        load: Callable[[str], T | None],
        *,
        kept_for: float = inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from threading import Lock

        self._load, self._kept_for, self._clock = load, kept_for, clock
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[T, float]] = OrderedDict()

    def of(self, tenant: str) -> T | None:
        """Return what belongs to *tenant*; None if it is not known.

        Raises:
            Exception: Whatever loading raises.
        """
        with self._lock:
            kept = self._kept.get(tenant)
            if kept is not None and self._clock() < kept[1]:
                self._kept.move_to_end(tenant)
                return kept[0]
        loaded = self._load(tenant)  # not under the lock: it may be slow
        with self._lock:
            if loaded is None:
                self._kept.pop(tenant, None)
                return None
            self._kept[tenant] = loaded, self._clock() + self._kept_for
            self._kept.move_to_end(tenant)
            if len(self._kept) > MAX_TENANTS:
                self._kept.popitem(last=False)
        return loaded


class TenantSigners(TenantCache[Mapping[str, Signer]]):
    """The signers of tenants, by scheme, each used for a minute after it was loaded.

    Signers that have expired are not used while loading fails: the page gets no token and
    the event ``failed`` says why, as a key that was withdrawn must not go on signing.
    """

    __slots__ = ()

    def __init__(self, load: LoadSigners) -> None:
        def load_by_scheme(tenant: str) -> Mapping[str, Signer] | None:
            signers = load(tenant)
            return by_scheme(signers) if signers else None

        super().__init__(load_by_scheme, kept_for=KEPT_FOR)


def by_scheme(signers: Signer | Iterable[Signer]) -> dict[str, Signer]:
    """Return *signers* by their schemes.

    Raises:
        ConfigurationError: There are none, or two have the same scheme or header.
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
