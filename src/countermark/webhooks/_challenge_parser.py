"""Parses the table ``[challenge]`` of a webhook scheme."""

from __future__ import annotations

import re

from countermark._http import REQUEST_HEADER
from countermark.errors import InvalidScheme
from countermark.schemes._tables import Table
from countermark.schemes._templates import Template
from countermark.webhooks._challenge import Challenge, Place, VerifyToken
from countermark.webhooks._encodings import MAC_SIZES
from countermark.webhooks._parts import Signature, SignatureHeader

PLACES: tuple[Place, ...] = ("query", "header", "body", "head")
#: The placeholders of an answer. The MAC is made and encoded as the signature is.
PLACEHOLDERS = ("{challenge}", "{mac}")


def read_challenge(table: Table, signature: Signature) -> Challenge:
    """Return the challenge that a table describes.

    Args:
        table: The table.
        signature: The proof of a delivery.

    Raises:
        InvalidScheme: A key is missing, unknown or invalid, or two contradict each other.
    """
    given = [place for place in PLACES if place in table.left]
    if len(given) != 1:
        raise InvalidScheme(f"{table.where}: give exactly one of query, header, body and head")
    (place,) = given
    if place == "head":
        return _head(table)
    name = table.take(place, str)
    if not name or (place == "header" and not re.fullmatch(REQUEST_HEADER, name)):
        raise InvalidScheme(
            f"{table.where}: {place}: invalid name; give that of the place of the challenge"
        )
    when = _texts(table.table("when"))
    token = _token(table.table("token")) if "token" in table.left else None
    text, members = _answer(table)
    table.close()
    challenge = Challenge(
        place, name.lower() if place == "header" else name, when, token, text, members
    )
    _check(challenge, signature, table.where)
    return challenge


def _head(table: Table) -> Challenge:
    if not table.take("head", bool):
        raise InvalidScheme(f"{table.where}: head must be true; otherwise leave the table out")
    table.close()
    return Challenge("head", "", (), None, None, ())


def _texts(table: Table) -> tuple[tuple[str, str], ...]:
    return tuple((name, table.take(name, str)) for name in list(table.left))


def _token(table: Table) -> VerifyToken:
    token = VerifyToken(table.take("query", str), table.take("variable", str))
    table.close()
    if not token.query or not token.variable:
        raise InvalidScheme(f"{table.where}: query or variable is empty; name both")
    return token


def _answer(table: Table) -> tuple[Template | None, tuple[tuple[str, Template], ...]]:
    """Return the answer: a text, or the members of a JSON object."""
    where = f"{table.where}: answer"
    if isinstance(table.left.get("answer"), str):
        return Template.parse(table.take("answer", str), where), ()
    members = _texts(table.table("answer"))
    return None, tuple((name, Template.parse(text, where)) for name, text in members)


def _check(challenge: Challenge, signature: Signature, where: str) -> None:
    signed = challenge.place == "body"
    if signed and challenge.token is not None:
        raise InvalidScheme(
            f"{where}: [token] belongs to a request that nothing signs, not to body; leave it out"
        )
    if signed and not challenge.when:
        raise InvalidScheme(
            f"{where}: [when] is missing; add the members that distinguish a verification request"
            " from a delivery"
        )
    places = [str(part) for one in challenge.templates for part in one.placeholders]
    if not places or not {*places} <= {*PLACEHOLDERS}:
        raise InvalidScheme(
            f"{where}: answer must hold {' or '.join(PLACEHOLDERS)}, and no other placeholder"
        )
    if challenge.signs and not _signs_body(signature):
        raise InvalidScheme(
            f'{where}: answer: {{mac}} needs kind = "hmac", and {{body}} in the message; leave'
            " it out"
        )


def _signs_body(signature: Signature) -> bool:
    """Return whether a delivery has a MAC of its body.

    Only its body distinguishes such a message from a challenge.
    """
    return (
        isinstance(signature, SignatureHeader)
        and signature.algorithm in MAC_SIZES
        and "{body}" in map(str, signature.message)
    )
