"""The per-request handle: who the request belongs to, and their tokens, late and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from countermark.errors import InvalidPrincipal
from countermark.events import Event, EventName, emit
from countermark.principal import Principal, Signable, identifier_text
from countermark.signing._config import ASK, AWAIT, FAILED, RUN_ONCE, Carrier, IdentityPolicy
from countermark.signing._signer import MAX_HEADER_TOKEN, SignedIdentity, Signer

T = TypeVar("T")

Who: TypeAlias = "str | Principal"
Issued: TypeAlias = "str | SignedIdentity | None"
FindCarriers = Callable[[Mapping[str, Signer]], Sequence[Carrier[T]]]

_NOT_YET: Any = object()


class RequestIdentity(Mapping[str, SignedIdentity]):
    """Whose request this is, and their tokens by scheme.

    The principal is asked for when something is read, and for the last time when
    the response starts, so that a login or logout before that counts. Each token
    is computed when it is first read, and once per principal and scheme at most.

    ``identity["stigg"]`` raises ``KeyError`` where there is no token, because
    nobody is signed in or for any other reason; ``identity.get("stigg")`` is
    then None, and the identity of nobody is false. Reading never raises
    anything else: what goes wrong becomes an event.

    With an asynchronous resolver, ``await identity.load()`` before reading.
    """

    __slots__ = ("_late", "_of_tenant", "_policy", "_told", "_tokens", "source")

    def __init__(self, policy: IdentityPolicy, source: Any) -> None:
        self._policy = policy
        self.source = source
        self._told: Any = policy.told_at_first
        # By signer and principal: a token that can be told from both, or all that was
        # issued, or nothing where signing failed. Under None: what was said already.
        self._tokens: dict[tuple[Signer | None, Who], Issued] | None = None
        # The signers of the tenant who was asked for last: the same ones all request long.
        self._of_tenant: tuple[str, Mapping[str, Signer]] | None = None
        # Once the response has started: the reason why a token that is read from now on
        # is exposed, empty if there is none. None before.
        self._late: str | None = None

    # What the application reads

    @property
    def principal(self) -> Principal | None:
        """Whose request this is now; None: nobody's."""
        who = self._who()
        if who is None or isinstance(who, Principal):
            return who
        try:
            return Principal(who)
        except InvalidPrincipal as error:
            self._fail(error.code, error)
            return None

    @property
    def failed(self) -> bool:
        """Whether the last attempt to tell whose request this is went wrong."""
        return self._told is FAILED

    def payload(self) -> dict[str, Any]:
        """Return what the front end hands to each vendor, by scheme; ``{}`` for nobody.

        Beside the schemes stands ``marker``: see :attr:`marker`.
        """
        who = self._id()
        if who is None:
            return {}
        fields = {scheme: signed.fields for scheme, signed in self._all(who).items()}
        marker = None if self.failed else self._marker(who)
        return fields if marker is None else {"marker": marker, **fields}

    @property
    def marker(self) -> str | None:
        """A text that changes when the principal is another, and does not lead back to them.

        With it a front end sees that somebody else is signed in now, and shuts
        widgets down. None: nobody is, or no key is there to make one with.
        """
        who = self._id()
        return None if who is None else self._marker(who)

    def __getitem__(self, scheme: str) -> SignedIdentity:
        who = self._id()
        signed = self._signed(self._signers(who)[scheme], who)
        if signed is None:
            raise KeyError(scheme)
        return signed

    def __iter__(self) -> Iterator[str]:
        return iter(self._all(self._id()))

    def __len__(self) -> int:
        return len(self._all(self._id()))

    def __bool__(self) -> bool:
        return self._id() is not None

    # Comparing a mapping would compute every token; a handle is only itself.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        whom = "tenants" if self._policy.tenants else ", ".join(self._policy.signers)
        return f"<RequestIdentity for {whom}>"

    # What the application says

    def identify(self, principal: Signable) -> None:
        """Say who has just logged in: from now on the request is theirs.

        An id that cannot be signed is not refused here; there is then no token,
        and an event says so.
        """
        self._told = principal

    def forget(self) -> None:
        """Say that they have just logged out: from now on the request is nobody's."""
        self._told = None

    async def load(self) -> RequestIdentity:
        """Await an asynchronous resolver, unless that has been done, and return the identity.

        Callers that do so at the same time each await it.
        """
        if self.needs_load:
            try:
                who = await self._policy.resolve(self.source)
            except Exception as error:
                if self._told is AWAIT:
                    self._fail("resolver_raised", error)
            else:
                if self._told is AWAIT:  # and not told otherwise in the meantime
                    self._told = who
        return self

    # What middlewares need

    @property
    def needs_load(self) -> bool:
        """Whether :meth:`load` must be awaited before reading."""
        return self._told is AWAIT and self.source is not None

    @property
    def is_settled(self) -> bool:
        """Whether the resolver has been asked for the last time."""
        return self._told not in (ASK, AWAIT, RUN_ONCE)

    @property
    def has_started(self) -> bool:
        """Whether the response has started without a token, and was left alone."""
        return self._late is not None

    def left_alone(self, reason: str | None, *, silent: bool = False) -> None:
        """Report that the response leaves without token headers, and settle the identity.

        A token that the application has read, or reads later, may be in the body, and
        caches may serve it to others: that is reported as ``exposed``.

        Args:
            reason: The reason, None if such a response never carries a token.
            silent: Whether there is no token header, so that none is withheld.
        """
        if reason is None:
            self.left_unread("")
        elif self.was_read:
            self.left_unread("")
            self._emit("exposed", reason)
        else:
            self.left_unread(reason)
            if not silent:
                self._emit("withheld", reason)

    def left_unread(self, reason: str) -> None:
        """Settle the identity for a response without a token in headers or body so far.

        Args:
            reason: The reason that makes a later read ``exposed``; empty if none does.
        """
        self._late = reason
        if self._told is ASK:
            self._told = RUN_ONCE  # later reads see one principal

    @property
    def was_asked(self) -> bool:
        """Whether the application has asked for the identity's tokens."""
        return self._tokens is not None

    @property
    def was_read(self) -> bool:
        """Whether a token was computed, so that it may be in the body."""
        return self._tokens is not None and any(self._tokens.values())

    def delivery_failed(self, error: Exception) -> None:
        """Report that the response's headers could not be read, and settle the identity."""
        self._emit("failed", "delivery_raised", error=error)
        self.left_unread("")

    # How it is found out

    def _who(self) -> Any:
        """Return what the resolver or the application says, None for nobody."""
        told = self._told
        if told is ASK or told is RUN_ONCE:
            return self._ask()
        if told is AWAIT and self.source is not None and self._first_time("not_loaded"):
            self._emit("failed", "not_loaded")
        return None if told is AWAIT or told is FAILED else told

    def _who_at_last(self) -> Any:
        """Return the principal at the start of the response: later reads see the same."""
        return self._who()

    def _ask(self) -> Any:
        source = self.source
        if source is None:  # the request is over
            return None
        try:
            who = self._policy.resolve(source)
        except Exception as error:
            self._fail("resolver_raised", error)
            return None
        if self._told is RUN_ONCE:
            self._told = who
        return who

    def _id(self) -> Who | None:
        """Return the principal to sign, None if the request is anonymous."""
        if self._tokens is None:
            self._tokens = {}  # so that it is known that the response depends on the user
        who = self._who()
        if who is None or type(who) is str:  # checked when it is signed
            return who
        return self._checked(who)

    def _checked(self, who: Any) -> Who | None:
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
        signs = self._policy.sign_impersonated
        if self._first_time(f"impersonated {who.label}"):
            self._emit("impersonated", "signed" if signs else "suppressed", who=who)
        return who if signs else None

    def _first_time(self, what: str) -> bool:
        """Tell whether *what* has not been said yet in this request."""
        if self._tokens is None:
            self._tokens = {}
        known = (None, what) in self._tokens
        self._tokens[None, what] = None
        return not known

    def _issued(self, signer: Signer, who: Who) -> Issued:
        """Return the token of *who*, from memory or signed now; None where that failed."""
        if self._tokens is None:
            self._tokens = {}
        try:
            issued: Issued = self._tokens.get((signer, who), _NOT_YET)
        except Exception as error:  # to compare principals is to compare their attributes
            self._not_signed(signer, who, error)
            return None
        if issued is _NOT_YET:
            issued = self._tokens[signer, who] = self._sign(signer, who)
        if issued and self._late:
            self._emit("exposed", self._late)
            self._late = ""
        return issued

    def _sign(self, signer: Signer, who: Who) -> Issued:
        try:
            issued: Issued = signer.sign(who) if signer.plain else signer.issue(who)
        except Exception as error:
            self._not_signed(signer, who, error)
            return None
        if self._policy.on_event is not None:
            self._emit("signed", "current", signer.scheme.slug, who)
        return issued

    def _not_signed(self, signer: Signer, who: Who, error: Exception) -> None:
        reason = error.code if isinstance(error, InvalidPrincipal) else "signer_raised"
        for_one = type(who) is not str or reason in {"principal_pattern", "principal_field"}
        if isinstance(error, InvalidPrincipal) and not for_one:
            self._fail(reason, error, who)  # an id that is unfit for every scheme alike
        else:
            self._emit("failed", reason, signer.scheme.slug, who, error)

    def _signed(self, signer: Signer, who: Who | None) -> SignedIdentity | None:
        issued = None if who is None else self._issued(signer, who)
        if not issued or who is None or isinstance(issued, SignedIdentity):
            return issued or None  # type: ignore[return-value]
        return SignedIdentity(signer, who, issued)

    def _all(self, who: Who | None) -> dict[str, SignedIdentity]:
        found = {scheme: self._signed(signer, who) for scheme, signer in self._signers(who).items()}
        return {scheme: signed for scheme, signed in found.items() if signed is not None}

    def _signers(self, who: Who | None) -> Mapping[str, Signer]:
        """Return the signers for *who*, by scheme: the tenant's, where each has its own."""
        tenants = self._policy.tenants
        if tenants is None or who is None:
            return self._policy.signers
        tenant = who.tenant if isinstance(who, Principal) else None
        reason, error = "unknown_tenant", None
        if tenant is not None:
            if self._of_tenant is not None and self._of_tenant[0] == tenant:
                return self._of_tenant[1]
            try:
                if signers := tenants.of(tenant):
                    self._of_tenant = (tenant, signers)
                    return signers
            except Exception as raised:
                reason, error = "tenant_raised", raised
        if self._first_time(f"{reason} {tenant}"):
            self._emit("failed", reason, error=error)
        return {}

    def _marker(self, who: Who) -> str | None:
        signer = next(iter(self._signers(who).values()), None)
        return None if signer is None else signer.marker(_marked(who))

    def _carried(
        self, who: Any, find_carriers: FindCarriers[T], encode: Callable[[str], T]
    ) -> list[tuple[T, T]] | None:
        who = who if type(who) is str else self._checked(who)
        if who is None:
            return None if self._told is FAILED else []
        found = []
        for name, signer in find_carriers(self._signers(who)):
            issued = self._issued(signer, who)
            token = issued.token if isinstance(issued, SignedIdentity) else issued
            if token and (signer.header_safe or self._fits_header(token, signer, who)):
                found.append((name, encode(token)))
        return None if self._told is FAILED else found

    def _fits_header(self, token: str, signer: Signer, who: Who) -> bool:
        if not (token.isascii() and token.isprintable()):
            reason = "not_visible_ascii"
        elif len(token) > MAX_HEADER_TOKEN:
            reason = "too_long"
        else:
            return True
        self._emit("withheld", reason, signer.scheme.slug, who)
        return False

    def _fail(self, reason: str, error: Exception, who: Who | None = None) -> None:
        """Report, once, that the principal cannot be told, and ask no more."""
        if self._told is not FAILED:
            self._told = FAILED
            self._emit("failed", reason, who=who, error=error)

    def _emit(
        self,
        name: EventName,
        reason: str,
        scheme: str | None = None,
        who: Who | None = None,
        error: Exception | None = None,
    ) -> None:
        salt = None
        if who is not None:
            signers = self._signers(who)
            salt = signers.get(scheme or "") or next(iter(signers.values()), None)
        event = Event(
            name,
            reason,
            scheme,
            principal=None if salt is None or who is None else salt.pseudonym(_label(who)),
            error=None if error is None else type(error).__name__,
        )
        emit(event, self._policy.on_event)


def _marked(who: Who) -> str:
    """Return who that is, who acts for them, and where: no value has a newline in it."""
    if not isinstance(who, Principal):
        return f"id\n{who}\n\n"
    kind = "id" if who.id else "email" if who.email else "phone"
    return f"{kind}\n{who.label}\n{who.tenant or ''}\n{who.actor or ''}"


def _label(who: Who) -> str:
    return who.label if isinstance(who, Principal) else who
