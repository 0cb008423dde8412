"""The principal of a request, its signers, and the events about both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeAlias

from countermark.errors import InvalidPrincipal
from countermark.events import Event, EventName, emit
from countermark.principal import Principal, Signable, identifier_text
from countermark.signing._config import SigningConfig
from countermark.signing._principal_lookup import FAILED, SETTLED, NotLoaded, PrincipalLookup
from countermark.signing._signer import Signer
from countermark.signing._token_headers import PinnedSigners

#: A principal that is fit to be signed: an id as text, or more values.
Who: TypeAlias = "str | Principal"


class RequestPrincipal:
    """The part of :class:`RequestIdentity` that finds the principal and its signers."""

    __slots__ = ("_config", "_lookup", "_pinned", "_reported", "_settled", "source")

    #: The scope or environ; None once the request is over.
    source: Any
    _config: SigningConfig
    _lookup: PrincipalLookup
    _settled: Signable | None  # the principal once it is settled, unchecked; None before
    _reported: set[str] | None  # what is reported once in a request, and has been
    # The latest tenant and the signers, which stay the same throughout a request.
    _pinned: PinnedSigners | None

    @property
    def principal(self) -> Principal | None:
        """The current principal; None: anonymous."""
        who = self._look_up()
        if who is None or isinstance(who, Principal):
            return who
        try:
            return Principal(who)
        except InvalidPrincipal as error:
            self._fail(error.code, error)
            return None

    @property
    def failed(self) -> bool:
        """True if the latest attempt to look the principal up has failed."""
        return self._lookup.failed

    def identify(self, principal: Signable) -> None:
        """Set the principal, after a login.

        An invalid id is not refused here: there is then no token, and an event says why.
        """
        self._lookup, self._settled = SETTLED, principal

    def forget(self) -> None:
        """Make the request anonymous, after a logout."""
        self._lookup, self._settled = SETTLED, None

    async def load(self) -> Self:
        """Await an asynchronous resolver, unless that has been done, and return the identity.

        Callers that do so at the same time each await it.
        """
        lookup = self._lookup
        if self.needs_load:
            try:
                who = await lookup.load(self.source)
            except Exception as error:
                if self._lookup is lookup:  # the application has not set it in the meantime
                    self._fail("resolver_raised", error)
            else:
                if self._lookup is lookup and lookup.is_once:
                    self._lookup, self._settled = SETTLED, who
        return self

    @property
    def needs_load(self) -> bool:
        """True if :meth:`load` must be awaited before reading."""
        return self._lookup.needs_load and self.source is not None

    def is_settled(self) -> bool:  # a property would cost each request more
        """Tell whether the resolver has been called for the last time."""
        return self._lookup.is_settled

    def _look_up(self, *, settle: bool = False) -> Any:
        """Return the current principal, unchecked; None: anonymous or unknown.

        Args:
            settle: Whether later reads get the same principal.
        """
        lookup = self._lookup
        if self.source is None or lookup.is_settled:
            return self._settled
        try:
            who = lookup.current(self.source)
        except Exception as error:
            self._lookup_failed(error)
            return None
        if (settle or lookup.is_once) and self._lookup is lookup:
            self._lookup, self._settled = SETTLED, who
        return who

    def _lookup_failed(self, error: Exception) -> None:
        if not isinstance(error, NotLoaded):
            self._fail("resolver_raised", error)
        elif self._first_time("not_loaded"):
            self._emit("failed", "not_loaded")

    def _signable(self, who: Any) -> Who | None:
        """Return the principal to sign; None: it is invalid, or staff impersonate it."""
        if isinstance(who, Principal):
            return who if who.actor is None else self._impersonated(who)
        try:
            return identifier_text(who)
        except InvalidPrincipal as error:
            from inspect import isawaitable, iscoroutine

            if iscoroutine(who):
                who.close()
            self._fail("resolver_not_async_def" if isawaitable(who) else error.code, error)
            return None

    def _impersonated(self, who: Principal) -> Principal | None:
        signs = self._config.sign_impersonated
        if self._first_time(f"impersonated {who.label}"):
            self._emit("impersonated", "signed" if signs else "suppressed", who=who)
        return who if signs else None

    def _signers(self, who: Who | None) -> Mapping[str, Signer]:
        """Return the signers for *who*, by scheme: the tenant's, if each has its own."""
        tenants = self._config.tenants
        if tenants is None:
            if self._pinned is None:
                self._pinned = (None, self._config._followed.latest())
            return self._pinned[1]
        if who is None:
            return self._config.signers
        tenant = who.tenant if isinstance(who, Principal) else None
        reason, error = "unknown_tenant", None
        if tenant is not None:
            if self._pinned is not None and self._pinned[0] == tenant:
                return self._pinned[1]
            try:
                if signers := tenants.latest(tenant):
                    self._pinned = (tenant, signers)
                    return signers
            except Exception as raised:
                reason, error = "tenant_raised", raised
        if self._first_time(f"{reason} {tenant}"):
            self._emit("failed", reason, error=error)
        return {}

    def _first_time(self, what: str) -> bool:
        """Tell whether *what* has not been reported yet in this request."""
        if self._reported is None:
            self._reported = set()
        known = what in self._reported
        self._reported.add(what)
        return not known

    def _fail(self, reason: str, error: Exception, who: Who | None = None) -> None:
        """Report, once, that the principal is unknown, and do not look it up again."""
        if not self._lookup.failed:
            self._lookup, self._settled = FAILED, None
            self._emit("failed", reason, who=who, error=error)

    def _emit(
        self,
        name: EventName,
        reason: str,
        scheme: str | None = None,
        who: Who | None = None,
        error: Exception | None = None,
    ) -> None:
        pseudonym = None
        if who is not None:
            signers = self._signers(who)
            salt = signers.get(scheme or "") or next(iter(signers.values()), None)
            label = who.label if isinstance(who, Principal) else who
            pseudonym = None if salt is None else salt.pseudonym(label)
        kind = None if error is None else type(error).__name__
        emit(Event(name, reason, scheme, principal=pseudonym, error=kind), self._config.on_event)
