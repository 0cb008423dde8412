"""What a verifier vouches for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from countermark.keyring import Role


class VerifiedIdentity:
    """Whose request it is, proved by a token. Its representation does not say who that is."""

    __slots__ = {
        "scheme": "The name of the scheme.",
        "principal_id": "The principal's id; None where the token names them otherwise.",
        "key_id": "Which key the token was made with.",
        "role": "The role of that key: ``current``, ``next`` or ``previous``.",
        "environment": "The environment of the verifier, or None.",
        "tenant": "The id of the tenant whose keys count for the request, or None.",
        "_claims": None,
        "expires_at": "When the token ends, in seconds since the epoch; None: never.",
    }

    scheme: str
    principal_id: str | None
    key_id: str
    role: Role
    environment: str | None
    tenant: str | None
    expires_at: float | None

    def __init__(
        self,
        scheme: str,
        principal_id: str | None,
        key_id: str,
        role: Role,
        *,
        environment: str | None = None,
        claims: Mapping[str, Any] | None = None,
        expires_at: float | None = None,
    ) -> None:
        self.scheme = scheme
        self.principal_id = principal_id
        self.key_id = key_id
        self.role = role
        self.environment = environment
        self.tenant = None
        self._claims = claims
        self.expires_at = expires_at

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims of a JSON Web Token; of other tokens, what is signed beside the id."""
        return MappingProxyType(dict(self._claims or ()))

    def __repr__(self) -> str:
        return f"<VerifiedIdentity {self.scheme} key={self.key_id} role={self.role}>"
