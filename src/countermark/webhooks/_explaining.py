"""Explains why a delivery is refused."""

from __future__ import annotations

from collections.abc import Mapping

from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._durations import duration
from countermark.mistakes._explanation import UNEXPLAINED, Explanation, good
from countermark.mistakes._keys import candidate_keys
from countermark.mistakes._wrappings import unwrapped
from countermark.webhooks import _encodings as encodings
from countermark.webhooks._challenge import ChallengeAnswer
from countermark.webhooks._delivery_body import Body
from countermark.webhooks._header_mistakes import explain_header
from countermark.webhooks._http_mistakes import explain_http_signature
from countermark.webhooks._member_mistakes import explain_member
from countermark.webhooks._parts import SecretHeader, SignatureHeader, SignatureMember
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refusal, Refused, VerifiedWebhook
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._signed_url import signs_url
from countermark.webhooks._times import parse_time, time_in_body, time_in_head

_FACTS = {
    "retired_key": "retired_key",
    "ambiguous": "header_ambiguous",
    "unknown_key": "unknown_key",
    "secret_received": "secret_received",
}
_CHALLENGES = {
    "token_mismatch": "verify_token",
    "no_verify_token": "verify_token_missing",
    "ambiguous": "parameter_ambiguous",
    "malformed": "challenge_malformed",
}
# Headers of which senders use one or the other, for the same.
_PAIRS_OF_HEADERS = (
    ("x-hub-signature-256", "x-hub-signature"),
    ("webhook-signature", "svix-signature"),
    ("webhook-id", "svix-id"),
    ("webhook-timestamp", "svix-timestamp"),
)


def explain_delivery(
    scheme: WebhookScheme,
    rings: Mapping[str, Keyring],
    outcome: VerifiedWebhook | Refusal,
    head: RequestHead,
    body: Body,
    *,
    now: float,
    base_url: str,
) -> Explanation:
    """Return the explanation of the outcome of a check.

    Args:
        scheme: The scheme.
        rings: The keyrings by key id, which is "" if the vendor names no keys.
        outcome: The outcome.
        head: The method, path and headers.
        body: The body.
        now: The time of the check.
        base_url: The public URL before the path; "" if no URL is signed.
    """
    if isinstance(outcome, VerifiedWebhook):
        return good(outcome.role)
    if outcome.code in _FACTS:
        return Explanation("explained", (mistake(_FACTS[outcome.code]),))
    if outcome.code == "missing":
        return Explanation("explained", (_missing(scheme, head),))
    try:
        if outcome.code in {"expired", "not_yet_valid"}:
            return Explanation("explained", (_of_age(scheme, head, body, outcome.code, now),))
        found = _of_signature(scheme, rings, head, body, base_url)
        if found is UNEXPLAINED:
            return _without_signature(scheme, outcome, head, base_url)
        return found
    except Refused:  # a header has two values, for instance
        return _without_time(scheme, head)


def explain_challenge(scheme: WebhookScheme, answer: ChallengeAnswer | Refusal) -> Explanation:
    """Return the explanation of an unsigned request that verifies the URL."""
    if isinstance(answer, ChallengeAnswer):
        return Explanation("good", (mistake("verification_request"),))
    step = mistake(_CHALLENGES[answer.code], variable=scheme.token_variable)
    return Explanation("explained", (step,))


def _of_signature(
    scheme: WebhookScheme,
    rings: Mapping[str, Keyring],
    head: RequestHead,
    body: Body,
    base_url: str,
) -> Explanation:
    signature = scheme.signature
    if isinstance(signature, SecretHeader):
        return _of_secret(scheme, signature, rings[""], head)
    if isinstance(signature, SignatureHeader) and signature.has_public_key:
        from countermark.webhooks._public_key_mistakes import explain_public_key  # late: it is slow

        return explain_public_key(
            scheme, signature, rings[""], head, body.content, base_url=base_url
        )
    if isinstance(signature, SignatureHeader):
        return explain_header(scheme, signature, rings[""], head, body.content, base_url=base_url)
    if isinstance(signature, SignatureMember):
        return explain_member(scheme, signature, rings[""], body)
    return explain_http_signature(scheme, signature, rings, head, body.content)


def _without_signature(
    scheme: WebhookScheme, outcome: Refusal, head: RequestHead, base_url: str
) -> Explanation:
    """Explain a delivery none of whose signatures could be found again."""
    signature = scheme.signature
    if not isinstance(signature, SignatureHeader):
        return UNEXPLAINED
    value = head.require(signature.header, max_commas=None)
    if signature.separator and f"{signature.separator}{signature.prefix}" not in (
        f"{signature.separator}{value}"
    ):
        return Explanation("explained", (mistake("other_version", wanted=signature.prefix),))
    # A signature by another key cannot be told from one of another body.
    if signature.has_public_key and outcome.code == "mismatch":
        return UNEXPLAINED._replace(remarks=(mistake("other_public_key"),))
    # A prefix that a proxy removed cannot be guessed.
    if signs_url(scheme) and outcome.code == "mismatch":
        return UNEXPLAINED._replace(remarks=(mistake("url_expected", base=base_url),))
    return UNEXPLAINED


def _without_time(scheme: WebhookScheme, head: RequestHead) -> Explanation:
    """Explain headers that cannot be read, maybe for want of the mark of the time."""
    signature, time = scheme.signature, scheme.timestamp
    if not isinstance(signature, SignatureHeader) or time is None:
        return UNEXPLAINED
    if time.entry in head.require(signature.header, max_commas=None):  # it may be ""
        return UNEXPLAINED
    return Explanation("explained", (mistake("header_prefix", wanted=time.entry),))


def _of_secret(
    scheme: WebhookScheme, signature: SecretHeader, ring: Keyring, head: RequestHead
) -> Explanation:
    """Explain a secret in a header that is not the expected one."""
    keys = candidate_keys(ring, {}, variable=scheme.secret.variable)
    given = unwrapped(head.require(signature.header, max_commas=None))
    found = [
        (*outer.mistakes, *one.mistakes)
        for outer in given
        for one in keys
        if one.key.is_one_of([outer.text.encode("utf-8", "surrogatepass")])
    ]
    found.sort(key=len)
    return Explanation("explained", found[0]) if found and found[0] else UNEXPLAINED


def _missing(scheme: WebhookScheme, head: RequestHead) -> Mistake:
    for wanted, other in (*_PAIRS_OF_HEADERS, *(pair[::-1] for pair in _PAIRS_OF_HEADERS)):
        needed = isinstance(scheme.signature, SignatureHeader) and wanted in {
            scheme.signature.header,
            scheme.id.header if scheme.id else "",
            scheme.timestamp.header if scheme.timestamp else "",
        }
        if needed and not head.has(wanted) and head.has(other):
            return mistake("other_header", which=other, wanted=wanted)
    return mistake("header_missing")


def _of_age(scheme: WebhookScheme, head: RequestHead, body: Body, code: str, now: float) -> Mistake:
    time = scheme.timestamp
    assert time is not None  # noqa: S101  # or it has no age
    if time.body:
        signed = time_in_body(time, body)
    elif not isinstance(scheme.signature, SignatureHeader):
        signed = encodings.parse_http_date(head.require("date", max_commas=1))
    else:
        signed = parse_time(time_in_head(time, scheme.signature, head), time.form)
    if code == "expired":
        return mistake("delivery_expired", ago=duration(now - signed))
    return mistake("delivery_not_yet_valid", ago=duration(signed - now))
