"""The outcome of checking a token, and the verdict on a request.

Each object is built once. ``Final`` makes type checkers refuse a later change; a check
at run time would cost more than the rest of a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from countermark.keys._keyring import Role

#: ``off``: requests are not checked. ``monitor``: requests are checked, and all are
#: allowed. ``enforce``: only verified requests are allowed.
Mode: TypeAlias = Literal["off", "monitor", "enforce"]

#: Why a request was allowed.
AdmittedBy: TypeAlias = Literal["token", "monitor", "allowance", "fail_open"]

#: The scheme of a verdict if the tenant, and so the scheme, is unknown.
UNKNOWN_SCHEME: Final = "unknown"


class VerifiedIdentity:
    """The identity that a valid token proves. Its representation does not show the id."""

    __slots__ = {
        "scheme": "The name of the scheme.",
        "principal_id": "The principal's id; None if the token identifies them otherwise.",
        "key_id": "The id of the key that made the token.",
        "role": "The role of that key: ``current``, ``next`` or ``previous``.",
        "environment": "The environment of the verifier, or None.",
        "tenant": "The id of the request's tenant, or None.",
        "_claims": None,
        "expires_at": "When the token expires, in seconds since the epoch; None: never.",
    }

    scheme: Final[str]
    principal_id: Final[str | None]
    key_id: Final[str]
    role: Final[Role]
    environment: Final[str | None]
    tenant: Final[str | None]
    expires_at: Final[float | None]

    def __init__(
        self,
        scheme: str,
        principal_id: str | None,
        key_id: str,
        role: Role,
        *,
        environment: str | None = None,
        tenant: str | None = None,
        claims: Mapping[str, Any] | None = None,
        expires_at: float | None = None,
    ) -> None:
        self.scheme = scheme
        self.principal_id = principal_id
        self.key_id = key_id
        self.role = role
        self.environment = environment
        self.tenant = tenant
        self._claims = claims
        self.expires_at = expires_at

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims of a JSON Web Token; of other tokens, the signed values other than the id."""
        return MappingProxyType(dict(self._claims or ()))

    def of_tenant(self, tenant: str) -> VerifiedIdentity:
        """Return the same identity with the id of its tenant."""
        return VerifiedIdentity(
            self.scheme,
            self.principal_id,
            self.key_id,
            self.role,
            environment=self.environment,
            tenant=tenant,
            claims=self._claims,
            expires_at=self.expires_at,
        )

    def __repr__(self) -> str:
        return f"<VerifiedIdentity {self.scheme} key={self.key_id} role={self.role}>"


class TokenCheck:
    """The outcome of checking one token. Its representation does not show the id."""

    __slots__ = {
        "code": "``verified``, or a key of :data:`countermark.errors.REFUSALS`.",
        "identity": "The verified identity, if and only if the code is ``verified``.",
        "claimed_id": "The id in the token or next to it, or None. Do not log it.",
        "role": "The role of the key that made the token, ``retired`` for an expired key;"
        " None: no key of the keyring made it. With ``secret_received``: of the key that the"
        " token is.",
        "key_id": "The id of that key, or None.",
    }

    code: Final[str]
    identity: Final[VerifiedIdentity | None]
    claimed_id: Final[str | None]
    role: Final[str | None]
    key_id: Final[str | None]

    def __init__(
        self,
        code: str,
        identity: VerifiedIdentity | None = None,
        claimed_id: str | None = None,
        role: str | None = None,
        key_id: str | None = None,
    ) -> None:
        self.code = code
        self.identity = identity
        self.claimed_id = claimed_id
        self.role = role
        self.key_id = key_id

    def __repr__(self) -> str:
        return f"<TokenCheck {self.code} role={self.role} key={self.key_id}>"


class Verdict:
    """The decision on one request. Its representation does not show the principal's id."""

    __slots__ = {
        "code": "``verified``, or a key of :data:`countermark.errors.REFUSALS`.",
        "identity": "The verified identity, if and only if the code is ``verified``.",
        "claimed_id": "The id in the token or next to it, or None. Do not log it.",
        "role": "The role of the key that made the token, ``retired`` for an expired key;"
        " None: no key of the keyring made it.",
        "key_id": "The id of that key, or None.",
        "mode": "The mode in force, ``monitor`` or ``enforce``.",
        "admitted_by": "``token``, ``monitor``, ``allowance`` or ``fail_open``; None: refused.",
        "scheme": "The name of the scheme.",
        "environment": "The environment of the verifier, or None.",
        "tenant": "The id of the tenant, or None.",
        "origin": "The page's origin if it is an allowed one, or None.",
        "named_by_service": "Whether a function of the service's own returned the claimed id.",
        "correlation_id": "The id that the refusal and its event share; None: not refused.",
        "hint": "The mistake that explains the refusal, without ids and tokens; or None.",
    }

    code: Final[str]
    identity: Final[VerifiedIdentity | None]
    claimed_id: Final[str | None]
    role: Final[str | None]
    key_id: Final[str | None]
    mode: Final[Mode]
    admitted_by: Final[AdmittedBy | None]
    scheme: Final[str]
    environment: Final[str | None]
    tenant: Final[str | None]
    origin: Final[str | None]
    named_by_service: Final[bool]
    correlation_id: Final[str | None]
    hint: Final[str | None]

    def __init__(  # noqa: PLR0917  # keywords would cost 3 % of a verified request
        self,
        check: TokenCheck,
        mode: Mode,
        admitted_by: AdmittedBy | None,
        scheme: str,
        environment: str | None = None,
        tenant: str | None = None,
        origin: str | None = None,
        named_by_service: bool = False,
        correlation_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        identity = check.identity
        self.code = check.code
        self.identity = (
            identity if identity is None or tenant is None else identity.of_tenant(tenant)
        )
        self.claimed_id = check.claimed_id
        self.role = check.role
        self.key_id = check.key_id
        self.mode = mode
        self.admitted_by = admitted_by
        self.scheme = scheme
        self.environment = environment
        self.tenant = tenant
        self.origin = origin
        self.named_by_service = named_by_service
        self.correlation_id = correlation_id
        self.hint = hint

    @property
    def is_claim(self) -> bool:
        """True if only the request names the claimed id: no key and no service confirms it.

        A token that a key of the keyring made confirms it, even after it expired.
        """
        return self.claimed_id is not None and self.role is None and not self.named_by_service

    @property
    def verified(self) -> bool:
        """True if the token is valid. :attr:`admitted` is true if the request was allowed."""
        return self.code == "verified"

    @property
    def admitted(self) -> bool:
        """True if the request was allowed, verified or not."""
        return self.admitted_by is not None

    def __repr__(self) -> str:
        return f"<Verdict {self.code} mode={self.mode} admitted_by={self.admitted_by}>"
