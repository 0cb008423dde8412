"""Finds the verifier of a request: one for all, or the tenant's."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from countermark._option_checks import is_async
from countermark.errors import BadToken, ConfigurationError, InvalidPrincipal
from countermark.events import Event, OnEvent, emit
from countermark.keys._tenant_cache import PerTenant, TenantCache
from countermark.keys._user import start_watches
from countermark.principal import Identifier, identifier_text
from countermark.verifying._verifier import Verifier

if TYPE_CHECKING:
    from countermark.keys._keyring import Keyring
    from countermark.keys._watch import Watch

#: The type of ``verifier=``: a verifier, or a function from the id of a tenant to one.
VerifierSetting: TypeAlias = "Verifier | Callable[[str], Verifier | None]"

#: Returns the id of the tenant of a request; None: it has none.
TenantReader: TypeAlias = "Callable[[Any], Identifier | None]"


class Found(NamedTuple):
    """The tenant of a request, and its verifier; None if the tenant is unknown.

    ``unknown`` has the attributes of a :class:`ModeContext` that could not be found out.
    """

    tenant: str | None
    verifier: Verifier | None
    unknown: Container[str] = ()


class VerifierLookup:
    """Finds the verifier of a request.

    Args:
        verifier: The verifier, or a function from the id of a tenant to one.
        tenant: Returns the id of the tenant of a scope or environ.
        check: Called with the verifier of each tenant; it raises if that does not fit.
        on_event: Called with the event ``failed``.

    Raises:
        ConfigurationError: An option is missing or invalid.
    """

    __slots__ = ("__weakref__", "_by_tenant", "_given", "_on_event", "_tenant", "one", "watches")

    #: The verifier of new requests, if all have the same. Its keys do not change.
    one: Verifier | None
    #: The watches of its keys, with the keys that they had when it was made.
    watches: Mapping[Watch, Keyring]

    def __init__(
        self,
        verifier: VerifierSetting,
        tenant: TenantReader | None,
        check: Callable[[Verifier], object],
        on_event: OnEvent | None,
    ) -> None:
        self._tenant, self._on_event = tenant, on_event
        self._by_tenant: TenantCache[Verifier] | None = None
        self.one = None
        self._given: Verifier | None = None
        self.watches = {}
        if not callable(verifier) or is_async(verifier):
            self._follow(_checked(verifier))
            return
        if tenant is None:
            raise ConfigurationError(
                "verifier= is a function, so tenant= must tell the tenant of a request; give it"
                " a function that takes the scope or environ"
            )
        load = verifier

        def load_checked(tenant: str) -> Verifier | None:
            loaded = load(tenant)
            if loaded is None:
                return None
            check(_checked(loaded))
            return loaded

        kept = load if isinstance(load, PerTenant) else PerTenant(load)
        self._by_tenant = TenantCache(load_checked, size=kept.size, seconds=kept.seconds)

    def _follow(self, verifier: Verifier) -> None:
        self._given = verifier
        self.watches = {watch: watch.now for watch in verifier._watches}
        self.one = verifier._pinned
        for watch, keys in self.watches.items():
            watch.attach(keys, self._prepare)

    def _prepare(self, watch: Watch, keys: Keyring) -> Callable[[], None]:
        def commit() -> None:
            self.one = self._given and self._given._pinned

        return commit  # after the verifier, which is an older user of the watch

    @property
    def reads_tenants(self) -> bool:
        """True if requests can have a tenant."""
        return self._tenant is not None

    @property
    def is_constant(self) -> bool:
        """True if each request has the same verifier and no tenant, and all watches have started.

        Until then requests need :meth:`of`, which starts them.
        """
        if self.one is None or self._tenant is not None:
            return False
        return all(watch.is_started for watch in self.watches)

    def of(self, source: Mapping[str, Any]) -> Found:
        """Return the tenant of a request and its verifier."""
        start_watches(self.watches)
        if self._tenant is None:
            return Found(None, self.one)
        tenant = None
        try:
            named = self._tenant(source)
            if named is not None:
                tenant = identifier_text(named, "the tenant's id")
            if self._by_tenant is None:
                return Found(tenant, self.one)
            verifier = None if tenant is None else self._by_tenant.of(tenant)
            if verifier is None:
                return Found(tenant, None, self._unknown())
            start_watches(verifier._watches)
            return Found(tenant, verifier._pinned)
        except BadToken:  # from what the client sent
            pass
        except Exception as error:
            # A text that is not a valid id comes from the client, anything else from the function.
            if not isinstance(error, InvalidPrincipal) or error.code == "principal_type":
                event = Event("failed", "tenant_raised", error=type(error).__name__)
                emit(event, self._on_event)
        return Found(tenant, None, self._unknown("tenant") if tenant is None else self._unknown())

    def _unknown(self, *attributes: str) -> Container[str]:
        """Return *attributes*, and the environment if each tenant has its own verifier."""
        return attributes if self.one is not None else (*attributes, "environment")


def _checked(verifier: object) -> Verifier:
    if not isinstance(verifier, Verifier):
        raise ConfigurationError(
            "verifier= takes a Verifier, such as Verifier.from_env('stigg'), or a function"
            " from the id of a tenant to one"
        )
    return verifier
