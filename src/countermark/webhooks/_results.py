"""What a webhook verifier vouches for, and why it refuses to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from countermark.keys._keyring import Role

#: Why a delivery is refused, by the codes of ``BadWebhook``.
REFUSALS: Final = {
    "missing": "a header that the vendor sends is not there",
    "malformed": "the delivery is not written as the vendor writes it",
    "ambiguous": "there are two values, or a second spelling of a header",
    "unknown_key": "the signature names a key that is none of yours",
    "retired_key": "the signature is good, but its key has ended",
    "mismatch": "no key of the ring gives this signature",
    "digest_mismatch": "the body is not the one whose digest is signed",
    "expired": "the delivery is too old",
    "not_yet_valid": "the delivery is from the future",
    "too_large": "the body is larger than what is taken",
}


class Refused(Exception):  # it never leaves the package
    """A delivery is no good; ``code`` is one of :data:`REFUSALS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class VerifiedWebhook:
    """A delivery that its vendor has made. Its representation does not say which."""

    __slots__ = {
        "scheme": "The name of the webhook scheme.",
        "delivery_id": "The sender's id of the delivery, the same when it is sent again; or None.",
        "timestamp": "When it was signed, in seconds since the epoch; None: that is not signed.",
        "key_id": "Which key it was made with.",
        "role": "The role of that key: ``current``, ``next`` or ``previous``.",
    }

    scheme: str
    delivery_id: str | None
    timestamp: float | None
    key_id: str
    role: Role

    def __init__(
        self,
        scheme: str,
        delivery_id: str | None,
        timestamp: float | None,
        key_id: str,
        role: Role,
    ) -> None:
        self.scheme = scheme
        self.delivery_id = delivery_id
        self.timestamp = timestamp
        self.key_id = key_id
        self.role = role

    def __repr__(self) -> str:
        return f"<VerifiedWebhook {self.scheme} key={self.key_id} role={self.role}>"
