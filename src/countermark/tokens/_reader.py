"""What a token says of itself, before any key is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from countermark.keys._keyring import Key
from countermark.principal import Signable

#: The longest token that is looked at, in characters.
MAX_TOKEN = 8192


class Unreadable(Exception):  # it never leaves the package
    """No key can make the token good; ``code`` is one of :data:`countermark.errors.REFUSALS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Reading:
    """What one token says. Nothing of it is proved until a key is found that makes the token."""

    __slots__ = {
        "token": "The token.",
        "principal": "Whom the token is for; None: it says so by itself.",
        "claimed_id": "The id that the token names, or that came with it; or None.",
        "claims": "What the token says beside the id.",
        "foreign": "Whether it is for another account, or of another kind.",
        "issued_at": "When it was made, in seconds since the epoch; None: it does not say.",
        "begins_at": "When it begins; None: at once.",
        "expires_at": "When it ends; None: never.",
    }

    token: str
    principal: Signable | None
    claimed_id: str | None
    claims: Mapping[str, Any]
    foreign: bool
    issued_at: float | None
    begins_at: float | None
    expires_at: float | None

    def __init__(
        self,
        token: str,
        *,
        claimed_id: str | None,
        principal: Signable | None = None,
        claims: Mapping[str, Any] | None = None,
        foreign: bool = False,
        issued_at: float | None = None,
        begins_at: float | None = None,
        expires_at: float | None = None,
    ) -> None:
        self.token = token
        self.principal = principal
        self.claimed_id = claimed_id
        self.claims = claims or {}
        self.foreign = foreign
        self.issued_at = issued_at
        self.begins_at = begins_at
        self.expires_at = expires_at


class Reader(Protocol):
    """Reads the tokens of one scheme, and compares them with what keys make."""

    @property
    def needs_principal(self) -> bool:
        """Whether a token says nothing of the principal, who must be named beside it."""

    @property
    def signs_besides(self) -> tuple[str, ...]:
        """The names of what a principal beside a token must have, other than an id."""

    @property
    def dated(self) -> bool:
        """Whether tokens say when they were made."""

    def prepared(self, key: Key) -> Any:
        """Return what *key* makes tokens with.

        Raises:
            InvalidKey: The key is not written as the recipe says.
        """

    def read(self, token: str, principal: Signable | None) -> Reading:
        """Return what *token* says.

        Raises:
            Unreadable: It is not written as the scheme writes it.
            InvalidPrincipal: *principal* is not fit to be signed.
        """

    def made_with(self, prepared: Any, reading: Reading) -> bool:
        """Tell, in constant time, whether a key made the token.

        Raises:
            InvalidPrincipal: No key makes tokens for that principal.
        """

    def proved(self, prepared: Any, reading: Reading) -> tuple[str | None, Mapping[str, Any]]:
        """Return the id and the claims that a token proves which the key has made."""


def moment(value: object) -> float:
    """Return a time that a token holds.

    Raises:
        Unreadable: It is none.
    """
    # Beyond that are no times, and numbers that no float can hold.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise Unreadable("malformed")
    return float(value)
