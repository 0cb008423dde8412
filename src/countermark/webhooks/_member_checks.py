"""The check of a MAC that is in the body, with the signed id and time. It proves nothing else."""

from __future__ import annotations

from typing import NamedTuple

from countermark.keys._keyring import Keyring
from countermark.webhooks import _encodings as encodings
from countermark.webhooks._candidate_keys import CandidateKey, find_key, hmac_candidates
from countermark.webhooks._delivery_body import Body
from countermark.webhooks._parts import SignatureMember
from countermark.webhooks._pending import PendingDelivery
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._times import parse_time


class MemberCheck:
    """The check of a MAC in the body.

    Raises:
        InvalidKey: A secret is not encoded as the vendor's are.
    """

    __slots__ = ("_check", "_scheme")

    def __init__(self, scheme: WebhookScheme, signature: SignatureMember, ring: Keyring) -> None:
        self._scheme = scheme
        candidates = hmac_candidates(ring, scheme.secret, signature.algorithm)
        self._check = SignedMembers(scheme, signature, candidates)

    def read(self, head: RequestHead, now: float) -> PendingDelivery:
        """Return the delivery, whose headers prove nothing."""
        return PendingDelivery(self._scheme, head, now, self._check)


class SignedMembers(NamedTuple):
    """The members of a body that a MAC in the same body proves."""

    scheme: WebhookScheme
    signature: SignatureMember
    candidates: list[CandidateKey]

    def find_key(self, body: Body, now: float) -> CandidateKey:  # a BodyCheck
        """Return the key that made the MAC."""
        signature = self.signature
        size = encodings.MAC_SIZES[signature.algorithm]
        code = encodings.decode_bytes(_text(body, signature.member), signature.encoding, size)
        message = [signed_members(self.scheme, signature, body)]
        return find_key(self.candidates, lambda key: key.makes(message, [code]), now)


def signed_members(scheme: WebhookScheme, signature: SignatureMember, body: Body) -> bytes:
    """Return the signed text; raises Refused."""
    assert scheme.id is not None  # noqa: S101  # the parser has checked
    assert scheme.timestamp is not None  # noqa: S101
    time = body.member(scheme.timestamp.body)
    parse_time(str(time), scheme.timestamp.form)
    id_ = encodings.checked_delivery_id(_text(body, scheme.id.body))
    return f"{time}{signature.between}{id_}".encode()


def _text(body: Body, name: str) -> str:
    value = body.member(name)
    if not isinstance(value, str):
        raise Refused("malformed")
    return value
