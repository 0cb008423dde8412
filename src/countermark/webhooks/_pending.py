"""A delivery with checked headers, before its body is read."""

from __future__ import annotations

from typing import Protocol

from countermark.webhooks._candidate_keys import Candidate
from countermark.webhooks._challenge import ChallengeAnswer
from countermark.webhooks._challenge_answers import check_form, signed_answer
from countermark.webhooks._delivery_body import Body
from countermark.webhooks._parts import Id
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refusal, Refused, VerifiedWebhook
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._times import time_in_body


class BodyCheck(Protocol):
    """The part of a check that needs the body."""

    def find_key(self, body: Body, now: float) -> Candidate:
        """Return the key that signed the delivery; raises Refused."""


class HeadCheck(Protocol):
    """The check of one scheme with one set of keys."""

    def read(self, head: RequestHead, now: float) -> PendingDelivery:
        """Check everything that precedes the body; raises Refused."""


class PendingDelivery:
    """A delivery with checked headers. A class with slots for the same reason as RequestHead."""

    __slots__ = ("_body_check", "_head", "_key", "_now", "_scheme", "_signed_id", "_timestamp")

    _key: Candidate

    def __init__(
        self,
        scheme: WebhookScheme,
        head: RequestHead,
        now: float,
        body_check: BodyCheck,
        *,
        timestamp: float | None = None,
        signed_id: str | None = None,
    ) -> None:
        self._scheme, self._head, self._now = scheme, head, now
        self._body_check, self._timestamp, self._signed_id = body_check, timestamp, signed_id

    def finish(self, body: Body) -> VerifiedWebhook | Refusal:
        """Check the body, and then the age of the delivery."""
        try:
            self._key = key = self._body_check.find_key(body, self._now)
            check_form(self._scheme.challenge, body)
            delivery_id = self._signed_id or _unsigned_id(self._scheme.id, self._head, body)
            timestamp = self._timestamp
            if self._scheme.timestamp is not None and self._scheme.timestamp.body:
                timestamp = time_in_body(self._scheme.timestamp, body)
            self._check_age(timestamp)
        except Refused as refused:
            return Refusal(refused.code)
        return VerifiedWebhook(self._scheme.slug, delivery_id, timestamp, key.key_id, key.role)

    def answer(self, body: Body) -> ChallengeAnswer | Refusal | None:
        """Answer a verification request that ``finish`` has verified; None: it is a delivery."""
        try:
            return signed_answer(self._scheme, body, self._key)
        except Refused as refused:
            return Refusal(refused.code)

    def _check_age(self, timestamp: float | None) -> None:
        if timestamp is None or self._scheme.timestamp is None:
            return
        age, tolerance = self._now - timestamp, self._scheme.timestamp.tolerance
        if age > tolerance:
            raise Refused("expired")
        if -age > tolerance:
            raise Refused("not_yet_valid")


def _unsigned_id(place: Id | None, head: RequestHead, body: Body) -> str | None:
    """Return a delivery id that is not part of the signed message, or None.

    Any text is accepted: the proof does not depend on it.

    Raises:
        Refused: The header has two values.
    """
    if place is None:
        return None
    # A verified body need not be JSON.
    found = head.get(place.header) if place.header else body.member(place.body)
    # Without an id, deliveries are not deduplicated. An empty one would make all duplicates.
    return None if found is None else str(found) or None
