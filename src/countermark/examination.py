"""What is found out about one token."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from countermark.verified_identity import VerifiedIdentity


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
