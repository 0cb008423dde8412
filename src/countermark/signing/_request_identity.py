"""The handle of a request: its principal and their tokens, computed when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

from countermark.errors import InvalidPrincipal
from countermark.principal import Principal
from countermark.signing._config import SigningConfig
from countermark.signing._header_size import MAX_HEADER_TOKEN
from countermark.signing._principal_lookup import SETTLED, SyncLookup
from countermark.signing._request_principal import RequestPrincipal, Who
from countermark.signing._signer import SignedIdentity, Signer
from countermark.signing._token_headers import TokenHeaders

T = TypeVar("T")

#: A token that identifies itself by signer and principal, or all that was issued, or
#: nothing if signing failed.
Issued: TypeAlias = "str | SignedIdentity | None"


class RequestIdentity(RequestPrincipal, Mapping[str, SignedIdentity]):
    """The principal of a request, and their tokens by scheme.

    The principal is looked up whenever something is read, and for the last time when the
    response starts, so that a login or logout before that counts. Each token is computed at
    its first read, and at most once per principal and scheme.

    ``identity["stigg"]`` raises ``KeyError`` if there is no token, because the request is
    anonymous or for any other reason; ``identity.get("stigg")`` is then None, and an
    anonymous identity is false. Reading never raises anything else: an error becomes an
    event.

    With an asynchronous resolver, ``await identity.load()`` before reading.
    """

    __slots__ = ("_late", "issued")

    #: The tokens so far, by signer and principal. None: the application has not asked for any.
    issued: dict[tuple[Signer, Who], Issued] | None

    # Sets the attributes of the base class too: one call less in each request.
    def __init__(self, config: SigningConfig, source: Any) -> None:
        self._config = config
        self._lookup = config.lookup
        self.source = source
        self._settled = None
        self._reported = None
        self._pinned = None
        self.issued = None
        # Once the response has started without a token: the reason why a token that is read
        # from now on is exposed, empty if there is none. None before.
        self._late: str | None = None

    # For the application

    def payload(self) -> dict[str, Any]:
        """Return the values that the front end passes to each vendor, by scheme.

        They come with ``marker``, see :attr:`marker`, and if tokens expire with ``expires_in``:
        by scheme, how long each token is still valid, in whole seconds. They are not a time,
        because a browser's clock may be wrong. ``{}`` if the request is anonymous.
        """
        who = self._asked()
        if who is None:
            return {}
        issued = self._all(who)
        fields: dict[str, Any] = {scheme: signed.fields for scheme, signed in issued.items()}
        seconds = {scheme: signed.expires_in for scheme, signed in issued.items()}
        expiring = {scheme: left for scheme, left in seconds.items() if left is not None}
        if expiring:
            fields["expires_in"] = expiring
        marker = None if self.failed else self._marker(who)
        return fields if marker is None else {"marker": marker, **fields}

    @property
    def marker(self) -> str | None:
        """A text that changes with the principal, and cannot be traced back to them.

        With it a front end notices that another user has signed in, and closes widgets.
        None if the request is anonymous, or there is no key to make a marker with.
        """
        who = self._asked()
        return None if who is None else self._marker(who)

    def __getitem__(self, scheme: str) -> SignedIdentity:
        who = self._asked()
        signed = self._signed(self._signers(who)[scheme], who)
        if signed is None:
            raise KeyError(scheme)
        return signed

    def __iter__(self) -> Iterator[str]:
        return iter(self._all(self._asked()))

    def __len__(self) -> int:
        return len(self._all(self._asked()))

    def __bool__(self) -> bool:
        return self._asked() is not None

    # Comparing two mappings would compute every token, so a handle equals only itself.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        schemes = "tenants" if self._config.tenants else ", ".join(self._config.signers)
        return f"<RequestIdentity for {schemes}>"

    # For middlewares

    @property
    def has_started(self) -> bool:
        """True if the response has started without a token."""
        return self._late is not None

    @property
    def was_asked(self) -> bool:
        """True if the application has asked for the identity's tokens."""
        return self.issued is not None

    @property
    def was_read(self) -> bool:
        """True if a token was computed, so that it may be in the body."""
        return self.issued is not None and any(self.issued.values())

    def left_alone(self, reason: str, *, silent: bool) -> None:
        """Report that a cache may serve the response, which has no token headers, and settle.

        If the application has read a token, or reads one later, it may be in the body: that
        is reported as ``exposed``.

        Args:
            reason: The reason why there are no token headers.
            silent: Whether no signer has a header, so that none is withheld.
        """
        exposed = self.was_read
        self.left_unread("" if exposed else reason)
        if exposed or not silent:
            self._emit("exposed" if exposed else "withheld", reason)

    def left_unread(self, reason: str) -> None:
        """Settle the identity for a response without a token in headers or body so far.

        Args:
            reason: The reason that makes a later read ``exposed``; empty if none does.
        """
        self._late = reason
        self._lookup = self._lookup.once  # later reads get the same principal

    def delivery_failed(self, error: Exception) -> None:
        """Report that the response's headers could not be read, and settle the identity."""
        self._emit("failed", "delivery_raised", error=error)
        self.left_unread("")

    def header_tokens(self, headers: TokenHeaders[T]) -> list[tuple[T, T]] | None:
        """Settle the principal, and return the headers that carry its tokens.

        Empty if the request is anonymous, None if the principal is unknown.
        """
        lookup, source = self._lookup, self.source
        if type(lookup) is SyncLookup and source is not None:
            # The same as below, for most requests, without a call: this is the fast path.
            # CPython calls a function in a variable faster than one in an attribute.
            current = lookup.current
            try:
                who: Any = current(source)
            except Exception as error:
                self._lookup_failed(error)
                return None
            self._lookup, self._settled = SETTLED, who
            if who is None:
                return []
        else:
            who = self._look_up(settle=True)
            if who is None:
                return None if self.failed else []
        single = headers.single
        if single is not None and type(who) is str and self.issued is None:
            name, signer, sign, encode, self._pinned = single
            try:
                token = sign(who)
            except Exception:  # the long way tries again, and reports it
                return self._find_header_tokens(who, headers)
            self.issued = {(signer, who): token}
            return [(name, token if encode is None else encode(token))]  # type: ignore[list-item]
        return self._find_header_tokens(who, headers)

    def _find_header_tokens(self, who: Any, headers: TokenHeaders[T]) -> list[tuple[T, T]] | None:
        """Do the same for any principal, signers and tokens."""
        signable: Who | None = who if type(who) is str else self._signable(who)
        found = []
        if signable is not None:
            for name, signer in headers.of(self._signers(signable)):
                issued = self._token(signer, signable)
                token = issued.token if isinstance(issued, SignedIdentity) else issued
                if token and (signer._header_safe or self._fits_header(token, signer, signable)):
                    found.append((name, headers.encode(token)))
        return None if self.failed else found

    # How tokens are computed

    def _asked(self) -> Who | None:
        """Return the principal to sign for the application, None if there is none."""
        if self.issued is None:
            self.issued = {}  # the response depends on the user
        who = self._look_up()
        if who is None or type(who) is str:  # checked when it is signed
            return who
        return self._signable(who)

    def _token(self, signer: Signer, who: Who) -> Issued:
        """Return the token of *who*, from the cache or signed now; None if that failed."""
        tokens = self.issued
        if tokens is None:
            tokens = self.issued = {}
        try:
            if (signer, who) not in tokens:
                tokens[signer, who] = self._sign(signer, who)
            issued = tokens[signer, who]
        except Exception as error:  # comparing principals compares their attributes
            self._not_signed(signer, who, error)
            return None
        if issued and self._late:
            self._emit("exposed", self._late)
            self._late = ""
        return issued

    def _sign(self, signer: Signer, who: Who) -> Issued:
        try:
            issued: Issued = signer.sign(who) if signer._sign_suffices else signer.issue(who)
        except Exception as error:
            self._not_signed(signer, who, error)
            return None
        if self._config.on_event is not None:
            self._emit("signed", "current", signer.scheme.slug, who)
        return issued

    def _not_signed(self, signer: Signer, who: Who, error: Exception) -> None:
        reason = error.code if isinstance(error, InvalidPrincipal) else "signer_raised"
        for_one = type(who) is not str or reason in {"principal_pattern", "principal_field"}
        if isinstance(error, InvalidPrincipal) and not for_one:
            self._fail(reason, error, who)  # the id is invalid for every scheme
        else:
            self._emit("failed", reason, signer.scheme.slug, who, error)

    def _signed(self, signer: Signer, who: Who | None) -> SignedIdentity | None:
        issued = None if who is None else self._token(signer, who)
        if not issued or who is None or isinstance(issued, SignedIdentity):
            return issued or None  # type: ignore[return-value]
        return SignedIdentity(signer, who, issued)

    def _all(self, who: Who | None) -> dict[str, SignedIdentity]:
        found = {scheme: self._signed(signer, who) for scheme, signer in self._signers(who).items()}
        return {scheme: signed for scheme, signed in found.items() if signed is not None}

    def _marker(self, who: Who) -> str | None:
        signer = next(iter(self._signers(who).values()), None)
        return None if signer is None else signer.marker(_marked(who))

    def _fits_header(self, token: str, signer: Signer, who: Who) -> bool:
        if not (token.isascii() and token.isprintable()):
            reason = "not_visible_ascii"
        elif len(token) > MAX_HEADER_TOKEN:
            reason = "too_long"
        else:
            return True
        self._emit("withheld", reason, signer.scheme.slug, who)
        return False


def _marked(who: Who) -> str:
    """Return the principal, tenant and actor as one text. None of them contains a newline."""
    if not isinstance(who, Principal):
        return f"id\n{who}\n\n"
    kind = "id" if who.id else "email" if who.email else "phone"
    return f"{kind}\n{who.label}\n{who.tenant or ''}\n{who.actor or ''}"
