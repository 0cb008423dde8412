"""Reads the token of a request, and the id that comes with it, and checks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from countermark.errors import REFUSALS, BadToken, ConfigurationError, InvalidPrincipal
from countermark.events import Event, OnEvent, emit
from countermark.principal import Principal, Signable, identifier_text
from countermark.verifying._locations import Location, from_header
from countermark.verifying._results import TokenCheck
from countermark.verifying._verifier import Verifier

#: Returns the id that a request claims; None: it claims none.
ClaimedIdReader: TypeAlias = "Callable[[Any], Signable | None]"


class RequestTokenChecker:
    """Reads the tokens and claimed ids of requests, and checks them.

    Args:
        token: Where requests carry their token; a text is the name of a header.
        claimed_id: Reads the claimed id; None: tokens contain it.
        on_event: Called with the event ``failed``.

    Raises:
        ConfigurationError: *token* is not a location.
    """

    __slots__ = ("_claimed_id", "_on_event", "is_service", "location")

    #: Where requests carry their token.
    location: Location
    #: Whether a function of the service's own returns the claimed id.
    is_service: bool

    def __init__(
        self,
        token: Location | str | None,
        claimed_id: ClaimedIdReader | None,
        on_event: OnEvent | None,
    ) -> None:
        if isinstance(token, str):
            token = from_header(token)
        given: object = token
        if not isinstance(given, Location):
            raise ConfigurationError(
                "token= must say where requests carry their token: give the name of a header, or"
                " from_header(), from_query() or from_cookie()"
            )
        self.location, self._claimed_id, self._on_event = given, claimed_id, on_event
        # Clients write what a Location reads; a function may know better.
        self.is_service = claimed_id is not None and not isinstance(claimed_id, Location)

    def require_fit(self, verifier: Verifier) -> None:
        """Refuse a verifier that needs more than the request is read for.

        Raises:
            ConfigurationError: Its tokens do not contain the id, and nothing else provides it.
        """
        if isinstance(self._claimed_id, Location) and verifier.signs_besides:
            name = verifier.signs_besides[0]
            raise ConfigurationError(
                f"{verifier.scheme.slug}: a token is for more than an id; claimed_id= must be a"
                f" function that returns a Principal with the {name}, not a text"
            )
        if verifier.needs_principal and self._claimed_id is None:
            raise ConfigurationError(
                f"{verifier.scheme.slug}: its tokens do not contain the id; say in claimed_id="
                " where the id is, for instance claimed_id=from_query('customerReference')"
            )

    def check(self, verifier: Verifier, source: Mapping[str, Any]) -> TokenCheck:
        """Check the token of a scope or environ. Nothing is raised.

        If the service names the principal, the claimed id of an invalid token is that
        principal's: an id in a token that no key made comes from the client.
        """
        token: str | None = None
        principal: Signable | None = None
        doing = "resolver_raised"
        try:
            token = self.location(source)
            if self._claimed_id is not None:
                principal = self._claimed_id(source)
                if token is not None and principal is None:
                    return _without_principal(verifier.check(token))
            doing = "verifier_raised"
            found = verifier.check(token, principal)
        except BadToken as error:
            found = TokenCheck(error.code if error.code in REFUSALS else "malformed")
        except InvalidPrincipal:  # a Principal made of what the client sent
            found = TokenCheck("missing" if token is None else "malformed")
        except Exception as error:
            kind = type(error).__name__
            emit(Event("failed", doing, verifier.scheme.slug, error=kind), self._on_event)
            found = TokenCheck("malformed")
        if found.identity is not None:
            return found
        if found.code in ("mismatch", "malformed") and (
            _is_folded(self.location, token) or _is_folded(self._claimed_id, principal)
        ):
            found = TokenCheck("ambiguous")  # a mixture of two values
        if self.is_service or (found.code == "missing" and principal is not None):
            found = TokenCheck(found.code, None, _text_of(principal), found.role, found.key_id)
        return found

    def named_id(
        self, verifier: Verifier | None, source: Mapping[str, Any], check: TokenCheck
    ) -> str | None:
        """Return the id that a request names, proved or not; None: it names none.

        It is that of ``claimed_id=``, if that is given, as the application goes by it.
        Otherwise it is the one in the token.

        Args:
            verifier: The verifier, or None.
            source: The scope or environ.
            check: The outcome for the request.

        Raises:
            Exception: ``claimed_id=`` raised it, or returned what is not an id.
        """
        if self._claimed_id is None:
            if check.code == "origin_refused" and verifier is not None:
                check = self.check(verifier, source)  # until now its token was not read
            return check.claimed_id
        principal = self._claimed_id(source)
        if _is_folded(self._claimed_id, principal):
            raise BadToken(REFUSALS["ambiguous"], code="ambiguous")
        if isinstance(principal, Principal):
            return principal.label
        return None if principal is None else identifier_text(principal)

    def read_again(self, source: Mapping[str, Any]) -> tuple[str | None, Signable | None]:
        """Return the token and the claimed id of a scope or environ; None if one is not there."""
        try:
            token = self.location(source)
            return token, None if self._claimed_id is None else self._claimed_id(source)
        except Exception:  # it was reported when the token was checked
            return None, None


def _without_principal(found: TokenCheck) -> TokenCheck:
    """Return the outcome for a token that comes without the id that it must be for."""
    is_credential = found.code in {"secret_received", "wrong_credential"}
    return found if is_credential else TokenCheck("mismatch")


def _is_folded(location: object, value: object) -> bool:
    """Tell whether a server or proxy may have joined two values into *value*."""
    return (
        isinstance(value, str)
        and "," in value
        and isinstance(location, Location)
        and location.folds
    )


def _text_of(principal: object) -> str | None:
    try:
        return principal.id if isinstance(principal, Principal) else identifier_text(principal)
    except InvalidPrincipal:
        return None
