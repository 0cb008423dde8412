"""The results of a webhook check: a verified webhook, or a refusal with its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from countermark.keys._keyring import Role

#: The reasons for refusing a delivery, by the codes of ``BadWebhook``.
REFUSALS: Final = {
    "missing": "a header that the vendor sends is missing",
    "malformed": "the delivery is malformed",
    "ambiguous": "a header or a parameter has two values or two spellings",
    "unknown_key": "the signature names an unknown key",
    "retired_key": "the signature is valid, but its key has expired",
    "secret_received": "the signature is the secret itself, which must be replaced",
    "mismatch": "the signature does not match",
    "digest_mismatch": "the body does not match the signed digest",
    "expired": "the delivery has expired",
    "not_yet_valid": "the delivery is not valid yet",
    "too_large": "the body is too large",
    "token_mismatch": "the verify token does not match",
    "no_verify_token": "no verify token is configured",
}


class Refused(Exception):
    """Stops a check; the code is one of :data:`REFUSALS`. It never leaves the package."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Refusal(NamedTuple):
    """The result of a check that failed. Unlike an exception, it holds no frames with secrets."""

    code: str


class VerifiedWebhook(NamedTuple):
    """A delivery that the vendor sent. Its representation omits the delivery id.

    Attributes:
        scheme: The name of the webhook scheme.
        delivery_id: The vendor's id of the delivery, the same for each attempt; or None.
        timestamp: The signed time, in seconds since the epoch; None if the vendor signs no time.
        key_id: The id of the key that made the signature.
        role: The role of that key: ``current``, ``next`` or ``previous``.
    """

    scheme: str
    delivery_id: str | None
    timestamp: float | None
    key_id: str
    role: Role

    def __repr__(self) -> str:
        return f"<VerifiedWebhook {self.scheme} key={self.key_id} role={self.role}>"
