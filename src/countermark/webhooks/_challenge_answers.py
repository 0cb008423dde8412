"""Recognizes verification requests and answers them.

An answer must not help anyone but the vendor. A text that is repeated consists of letters that
are harmless in any document, and is sent as plain text that no browser interprets otherwise. A
MAC of such a text, which the GET of some vendors asks for without any proof, must not be the
signature of a delivery. So schemes with such an answer refuse each delivery whose body could be
a challenge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from countermark._responses import complete, json_response
from countermark.keys._keyring import Keyring
from countermark.schemes._templates import Template
from countermark.tokens._mac import encode_bytes
from countermark.webhooks._candidate_keys import (
    Candidate,
    CandidateKey,
    find_secret,
    hmac_candidates,
)
from countermark.webhooks._challenge import CHALLENGE, LONGEST, Challenge, ChallengeAnswer, Proof
from countermark.webhooks._delivery_body import Body
from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme

# The methods of requests that nothing signs, by the place of the challenge.
_METHODS = {"query": "GET", "header": "GET", "head": "HEAD"}
_TEXT = "text/plain; charset=utf-8"
# A verification request has a few parameters, and a user may have added some to the URL.
_MOST_PARAMETERS = 32


def check_form(challenge: Challenge | None, body: Body) -> None:
    """Refuse a body whose signature may be the answer to a verification request.

    Raises:
        Refused: An answer has a MAC, and the body has only characters of challenges.
    """
    signs = challenge is not None and challenge.signs
    if signs and re.fullmatch(f"{CHALLENGE}*".encode(), body.content):
        raise Refused("malformed")


def unsigned_answer(
    scheme: WebhookScheme,
    rings: Mapping[str, Keyring],
    tokens: list[CandidateKey],
    head: RequestHead,
    now: float,
) -> ChallengeAnswer | None:
    """Answer a GET or HEAD request that verifies a URL; None: the request is not one.

    Args:
        scheme: The scheme.
        rings: The keyrings by key id. The current key of the only one makes the MAC of an answer.
        tokens: The verify tokens, as ``secret_candidates`` returns them.
        head: The method, path and headers.
        now: The time, in seconds since the epoch.

    Raises:
        Refused: The request is malformed, or has another verify token.
    """
    challenge = scheme.challenge
    if challenge is None or head.method != _METHODS.get(challenge.place):
        return None
    if challenge.place == "head":
        return ChallengeAnswer(complete(200, _TEXT, "").headers, b"", "unsigned")
    query = _parameters(head.path)
    in_header = challenge.place == "header"
    text = head.get(challenge.name) if in_header else _only(query, challenge.name)
    if text is None or any(_only(query, name) != value for name, value in challenge.when):
        return None
    proof: Proof = "unsigned"
    if challenge.token is not None:
        _check_token(tokens, _only(query, challenge.token.query) or "", now)
        proof = "token"
    code = _code(scheme, _current_key(scheme, rings), text) if challenge.signs else ""
    return _answer(challenge, text, code, proof)


def is_signed_challenge(challenge: Challenge | None, body: Body) -> bool:
    """Return whether a body is a verification request, if it is signed."""
    return (
        challenge is not None
        and challenge.place == "body"
        and all(body.member(name) == value for name, value in challenge.when)
        and body.member(challenge.name) is not None
    )


def signed_answer(scheme: WebhookScheme, body: Body, key: Candidate) -> ChallengeAnswer | None:
    """Answer a verification request, whose body *key* has signed; None: it is a delivery.

    Raises:
        Refused: The body has no challenge, or one that is malformed.
    """
    challenge = scheme.challenge
    if challenge is None or not is_signed_challenge(challenge, body):
        return None
    text = body.member(challenge.name)
    if not isinstance(text, str):
        raise Refused("malformed")
    code = _code(scheme, key, text) if challenge.signs else ""
    return _answer(challenge, text, code, "signature")


def _parameters(path: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl  # late, as it is slow to import

    try:
        return parse_qsl(
            path.partition("?")[2],
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:  # it is not UTF-8, or has too many parameters
        raise Refused("malformed") from None


def _only(pairs: Iterable[tuple[str, str]], name: str) -> str | None:
    """Return the value of a parameter, or None.

    Raises:
        Refused: It has two values.
    """
    values = [value for other, value in pairs if other == name]
    if len(values) > 1:
        raise Refused("ambiguous")
    return values[0] if values else None


def _check_token(tokens: list[CandidateKey], given: str, now: float) -> None:
    if not tokens:
        raise Refused("no_verify_token")
    try:
        find_secret(tokens, given.encode("utf-8", "surrogatepass"), now)
    except Refused:
        raise Refused("token_mismatch") from None


def _checked(text: str) -> str:
    """Return a challenge.

    Raises:
        Refused: It is empty, too long, or has other characters.
    """
    if not re.fullmatch(f"{CHALLENGE}{{1,{LONGEST}}}", text):
        raise Refused("malformed")
    return text


def _code(scheme: WebhookScheme, key: Candidate, text: str) -> str:
    """Return the MAC of a challenge, encoded as the signatures of the scheme are."""
    assert isinstance(key, CandidateKey)  # noqa: S101  # the parser has checked
    code = key.mac([_checked(text).encode()])
    return encode_bytes(code, _signature(scheme).encoding)


def _current_key(scheme: WebhookScheme, rings: Mapping[str, Keyring]) -> CandidateKey:
    return hmac_candidates(rings[""], scheme.secret, _signature(scheme).algorithm)[0]


def _signature(scheme: WebhookScheme) -> SignatureHeader:
    assert isinstance(scheme.signature, SignatureHeader)  # noqa: S101  # the parser has checked
    return scheme.signature


def _answer(challenge: Challenge, text: str, code: str, proof: Proof) -> ChallengeAnswer:
    values = {"{challenge}": _checked(text), "{mac}": code}
    if challenge.text is not None:
        response = complete(200, _TEXT, _filled(challenge.text, values))
    else:
        members = {name: _filled(template, values) for name, template in challenge.members}
        response = json_response(200, "application/json", members)
    return ChallengeAnswer(response.headers, response.body, proof)


def _filled(template: Template, values: dict[str, str]) -> str:
    return "".join(part if isinstance(part, str) else values[str(part)] for part in template.parts)
