"""Parses the table ``[challenge]`` of a webhook scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countermark._http import REQUEST_HEADER
from countermark.errors import InvalidScheme
from countermark.schemes._header_names import HEADER_FORM
from countermark.schemes._tables import Table
from countermark.schemes._templates import Template
from countermark.webhooks._challenge import Challenge, Place, VerifyToken
from countermark.webhooks._encodings import MAC_SIZES
from countermark.webhooks._parts import Signature, SignatureHeader

PLACES: tuple[Place, ...] = ("query", "header", "body", "head")
#: The placeholders of an answer. The MAC is made and encoded as the signature is.
PLACEHOLDERS = ("{challenge}", "{mac}")


def read_challenge(table: Table) -> Challenge:
    """Return the challenge that a table describes."""
    given = [place for place in PLACES if table.has(place)]
    if len(given) != 1:
        table.fault("give exactly one of query, header, body and head")
    names = {place: _name(table, place) for place in given}
    place = given[0] if given else "query"
    if place == "head":
        table.close()
        return Challenge(place, "", (), None, None, ())
    if place == "body" and table.has("token"):
        del table.left["token"]
        table.fault(
            "[token] belongs to a request that nothing signs, not to body; leave it out", "token"
        )
    if place == "body" and table.left.get("when", {}) == {}:
        table.fault(
            "[when] is missing; add the members that distinguish a verification request from a"
            " delivery",
            "when",
        )
    when = table.table("when", is_open=True)
    answer = table.templates("answer", str, dict)
    challenge = Challenge(
        place,
        names.get(place, ""),
        tuple((name, when.take(name, str)) for name in list(when.left)),
        _token(table.table("token")) if table.has("token") else None,
        answer if isinstance(answer, Template) else None,
        () if isinstance(answer, Template) else _members(table, answer),
    )
    table.close()
    return challenge


def _name(table: Table, place: Place) -> str:
    if place == "head":
        if not table.take(place, bool):
            table.fault("head must be true; otherwise leave the table out", place)
        return ""
    if place == "header":
        return (table.matching(place, REQUEST_HEADER, HEADER_FORM) or "").lower()
    return table.filled(place)


def _token(table: Table) -> VerifyToken:
    token = VerifyToken(
        table.filled("query", required=True), table.filled("variable", required=True)
    )
    table.close()
    return token


def _members(table: Table, entries: Mapping[str, Any]) -> tuple[tuple[str, Template], ...]:
    """Return the members of an answer in JSON."""
    for number, (name, entry) in enumerate(entries.items(), 1):
        if not isinstance(entry, Template):
            table.fault(f"answer: entry {number} must be text", "answer", name)
    return tuple(entries.items())


def check_challenge(challenge: Challenge, signature: Signature, where: str) -> None:
    """Check the answer of a challenge.

    Raises:
        InvalidScheme: It has no value of the request, or one that the scheme lacks.
    """
    if challenge.place == "head":
        return
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
