"""What a signer issues: a token, and all that travels with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from countermark.principal import Principal, Signable, identifier_text
from countermark.rendering import Values

if TYPE_CHECKING:
    from countermark.signer import Signer


class SignedIdentity:
    """A token and what the front end is to hand over with it.

    Its representation shows neither the token nor the principal.
    """

    __slots__ = {
        "scheme": "The name of the scheme.",
        "token": "The token.",
        "header": "The name of the response header that carries it, or None.",
        "key_id": "Which key signed.",
        "_principal": None,
        "_signer": None,
        "_values": None,
    }

    scheme: str
    token: str
    header: str | None
    key_id: str

    def __init__(
        self, signer: Signer, principal: Signable, token: str, values: Values | None = None
    ) -> None:
        self.scheme = signer.scheme.slug
        self.token = token
        self.header = signer.header
        self.key_id = signer.key_id
        self._principal = principal
        self._signer = signer
        self._values = values

    @property
    def principal_id(self) -> str | None:
        """The principal's id; None where they are known by an address or number alone."""
        who = self._principal
        return who.id if isinstance(who, Principal) else identifier_text(who)

    @property
    def fields(self) -> dict[str, Any]:
        """The vendor's own names for the front end, with their values."""
        return self._signer.renderer.fields(self._found())

    @property
    def expires_at(self) -> float | None:
        """When the token ends, in seconds since the epoch; None: never."""
        if not self._signer.scheme.expires:
            return None
        return self._signer.renderer.expiry(self._found())

    def _found(self) -> Values:
        values = self._values
        if values is None:
            values = self._values = self._signer.renderer.values(self._principal)
            values.put("token", self.token)
        return values

    def __repr__(self) -> str:
        return f"<SignedIdentity {self.scheme} key={self.key_id}>"
