"""What a request presents: a token, and where it does not say so, whose it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from countermark.errors import REFUSALS, BadToken, ConfigurationError, InvalidPrincipal
from countermark.events import Event, OnEvent, emit
from countermark.principal import Principal, Signable, identifier_text
from countermark.verifying._locations import Location, from_header
from countermark.verifying._results import Examination
from countermark.verifying._verifier import Verifier

#: Tells whom a request says it is from; None: nobody.
PrincipalReader: TypeAlias = "Callable[[Any], Signable | None]"


class Presented:
    """Reads the token and the principal of requests, and has them examined.

    Args:
        token: Where the token is; text is the name of a header.
        principal: Tells whom the request says it is from; None: tokens do.
        on_event: Called with the event ``failed``.

    Raises:
        ConfigurationError: *token* is no place.
    """

    __slots__ = ("_on_event", "_principal", "_token")

    def __init__(
        self,
        token: Location | str | None,
        principal: PrincipalReader | None,
        on_event: OnEvent | None,
    ) -> None:
        if isinstance(token, str):
            token = from_header(token)
        given: object = token
        if not isinstance(given, Location):
            raise ConfigurationError(
                "token= must say where requests have their token: give the name of a header, or"
                " from_header(), from_query() or from_cookie()"
            )
        self._token, self._principal, self._on_event = given, principal, on_event

    @property
    def names_principal(self) -> bool:
        """Whether a function of the service's own says whose request it is.

        A ``Location`` is a part of the request, which clients write.
        """
        return self._principal is not None and not isinstance(self._principal, Location)

    def check(self, verifier: Verifier) -> None:
        """Refuse a verifier that needs to be told more.

        Raises:
            ConfigurationError: Its tokens do not name the principal, and nothing else does.
        """
        if isinstance(self._principal, Location) and verifier.signs_besides:
            name = verifier.signs_besides[0]
            raise ConfigurationError(
                f"{verifier.scheme.slug}: a token is for more than an id; principal= must be a"
                f" function that returns a Principal with the {name}, not a text"
            )
        if verifier.needs_principal and self._principal is None:
            raise ConfigurationError(
                f"{verifier.scheme.slug}: a token does not name its principal; say in principal="
                " where the id is, for instance principal=from_query('customerReference')"
            )

    def examine(self, verifier: Verifier, source: Mapping[str, Any]) -> Examination:
        """Return what there is to say of the token of a scope or environ."""
        token: str | None = None
        principal: Signable | None = None
        doing = "resolver_raised"
        try:
            token = self._token(source)
            if self._principal is not None:
                principal = self._principal(source)
            if token is None:
                return Examination("missing", None, _claimed(principal))
            if principal is None and self._principal is not None:
                return Examination("mismatch")  # a token, and nobody whose it could be
            doing = "verifier_raised"
            found = verifier.examine(token, principal)
        except BadToken as error:
            return Examination(error.code if error.code in REFUSALS else "malformed")
        except InvalidPrincipal:  # what the client sent, made into a Principal
            return Examination("missing" if token is None else "malformed")
        except Exception as error:
            kind = type(error).__name__
            emit(Event("failed", doing, verifier.scheme.slug, error=kind), self._on_event)
            return Examination("malformed")
        if found.code in ("mismatch", "malformed") and (
            _is_folded(self._token, token) or _is_folded(self._principal, principal)
        ):
            return Examination("ambiguous")  # what it names is a mixture of two
        return found


def _is_folded(location: object, value: object) -> bool:
    """Tell whether *value* may be two, of which a server or proxy has made one."""
    return (
        isinstance(value, str)
        and "," in value
        and isinstance(location, Location)
        and location.folds
    )


def _claimed(principal: object) -> str | None:
    try:
        return principal.id if isinstance(principal, Principal) else identifier_text(principal)
    except InvalidPrincipal:
        return None
