"""What was found out about one request, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from countermark.keys._keyring import Role

#: ``off``: not looked at. ``monitor``: looked at and let in. ``enforce``: looked at, and let
#: in only if verified.
Mode: TypeAlias = Literal["off", "monitor", "enforce"]

#: Why a request got in.
LetInBy: TypeAlias = Literal["token", "monitor", "allowance", "fail_open"]

#: The scheme of a verdict where the tenant, and so the scheme, is not known.
UNKNOWN_SCHEME: Final = "unknown"


class Verdict:
    """What was found out about one request. Its representation does not say whose it is."""

    __slots__ = {
        "_found": None,
        "mode": "The mode in force, ``monitor`` or ``enforce``.",
        "let_in_by": "``token``, ``monitor``, ``allowance``, ``fail_open``; None: refused.",
        "scheme": "The name of the scheme.",
        "environment": "The environment, or None.",
        "tenant": "The id of the tenant, or None.",
        "origin": "The page's origin, where it is an allowed one; else None.",
        "named_by_service": "Whether the id comes from a function of the service's own.",
        "correlation_id": "What the refusal and the event have in common, or None.",
    }

    mode: Mode
    let_in_by: LetInBy | None
    scheme: str
    environment: str | None
    tenant: str | None
    origin: str | None
    named_by_service: bool
    correlation_id: str | None

    def __init__(
        self,
        found: Examination,
        mode: Mode,
        let_in_by: LetInBy | None,
        scheme: str,
        environment: str | None = None,
        *,
        tenant: str | None = None,
        origin: str | None = None,
        named_by_service: bool = False,
    ) -> None:
        self._found = found
        self.mode = mode
        self.let_in_by = let_in_by
        self.scheme = scheme
        self.environment = environment
        self.tenant = tenant
        self.origin = origin
        self.named_by_service = named_by_service
        self.correlation_id = None

    @property
    def code(self) -> str:
        """``verified``, or a key of :data:`countermark.errors.REFUSALS`."""
        return self._found.code

    @property
    def identity(self) -> VerifiedIdentity | None:
        """Who it is, if and only if the code is ``verified``."""
        return self._found.identity

    @property
    def role(self) -> str | None:
        """The role of the key that matched, ``retired`` for an ended one; or None."""
        return self._found.role

    @property
    def key_id(self) -> str | None:
        """Which key matched, or None."""
        return self._found.key_id

    @property
    def claimed_id(self) -> str | None:
        """The id that the request claims or proves, or None. Not to be logged."""
        return self._found.claimed_id

    @property
    def is_claim(self) -> bool:
        """Whether the id is one that the request claims, and no key and no service confirms.

        A token that a key of the ring made confirms it, also when it has expired.
        """
        return self.claimed_id is not None and self.role is None and not self.named_by_service

    @property
    def verified(self) -> bool:
        """Whether the request is verified. Whether it got in is another question."""
        return self._found.code == "verified"

    @property
    def admitted(self) -> bool:
        """Whether the request got in, verified or not."""
        return self.let_in_by is not None

    def __repr__(self) -> str:
        return f"<Verdict {self._found.code} mode={self.mode} let_in_by={self.let_in_by}>"


class Examination:
    """What was found out about one token. Its representation does not say whose it is."""

    __slots__ = {
        "code": "``verified``, or a key of :data:`countermark.errors.REFUSALS`.",
        "identity": "Who it is, if and only if the code is ``verified``.",
        "claimed_id": "The id that the token names or came with, or None. Not to be logged.",
        "role": "The role of the key that made it, ``retired`` for an ended one; None: no key did.",
        "key_id": "Which key made it, or None.",
    }

    code: str
    identity: VerifiedIdentity | None
    claimed_id: str | None
    role: str | None
    key_id: str | None

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
        return f"<Examination {self.code} role={self.role} key={self.key_id}>"


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
