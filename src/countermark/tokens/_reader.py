"""The contents of a token, before any key is tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from countermark.keys._keyring import Key
from countermark.principal import Signable

#: The longest token that is read, in characters.
MAX_TOKEN = 8192


class Unreadable(Exception):  # it never leaves the package
    """The token is invalid with any key; ``code`` is one of :data:`countermark.errors.REFUSALS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TokenContents(NamedTuple):
    """The contents of one token. They are unverified until a key is found that makes the token.

    Attributes:
        token: The token.
        claimed_id: The id in the token or next to it, or None.
        principal: The principal that came with the token; None: the token contains it.
        claims: The claims of the token, other than the id.
        foreign: Whether the token is for another account, or of another kind.
        issued_at: When it was issued, in seconds since the epoch; None: unknown.
        begins_at: When it becomes valid; None: at once.
        expires_at: When it expires; None: never.
    """

    token: str
    claimed_id: str | None
    principal: Signable | None = None
    claims: Mapping[str, Any] = {}
    foreign: bool = False
    issued_at: float | None = None
    begins_at: float | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        return "<TokenContents>"  # a traceback must not show the token


class Reader(Protocol):
    """Reads the tokens of one scheme, and compares them with the tokens of a key."""

    @property
    def needs_principal(self) -> bool:
        """True if a token does not contain the principal, which must come with it."""

    @property
    def signs_besides(self) -> tuple[str, ...]:
        """The names of the values other than an id that a principal with a token must have."""

    @property
    def dated(self) -> bool:
        """True if tokens have a time of issue."""

    def prepared(self, key: Key) -> Any:
        """Return the form of *key* that :meth:`made_with` takes.

        Raises:
            InvalidKey: The key does not have the form that the scheme needs.
        """

    def read(self, token: str, principal: Signable | None) -> TokenContents:
        """Return the contents of *token*.

        Raises:
            Unreadable: The token is malformed.
            InvalidPrincipal: *principal* cannot be signed.
        """

    def made_with(self, prepared: Any, reading: TokenContents) -> bool:
        """Tell, in constant time, whether a key made the token.

        Raises:
            InvalidPrincipal: The principal cannot be signed.
        """

    def proved(self, prepared: Any, reading: TokenContents) -> tuple[str | None, Mapping[str, Any]]:
        """Return the id and the claims that a token of this key proves."""


def moment(value: object) -> float:
    """Return the time in a token.

    Raises:
        Unreadable: It is not a time.
    """
    # Greater numbers are not times, and some do not fit into a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise Unreadable("malformed")
    return float(value)
