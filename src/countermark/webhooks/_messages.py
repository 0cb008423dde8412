"""Checks that no two requests share a message of a webhook scheme.

Each field must end where it ends in every request with the same message: otherwise a person
who has seen a delivery could move a part of one field into the next, under its signature.

The fields before the body are found from the left, and those behind it from the right; the body
is the rest. So each must end on the side of the body, wherever the body has text like it:

- A time within the tolerance has as many characters as all others until the year 2286. A date
  ends with its only Z, and its first colon has a fixed place.
- A method consists of capital letters, and a URL begins with ``http``.
- A URL has none of the characters with which a JSON object or array begins and ends.
- The verifier refuses an id with a character that separates it from its neighbours.
- The names and values of parameters end anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from countermark.errors import InvalidScheme
from countermark.schemes._tables import Table
from countermark.schemes._templates import Placeholder
from countermark.webhooks._parts import SignatureHeader

Parts = tuple[str | Placeholder, ...]

#: The fields that a message may hold.
FIELDS: Final = ("{id}", "{timestamp}", "{method}", "{url}", "{body}", "{parameters}")
#: A message of members of the body: a time followed by an id.
MEMBERS: Final = r"\{timestamp\}[^{}0-9]*\{id\}"
_CONTENTS: Final = frozenset({"{body}", "{parameters}"})
#: The characters that may be in the field.
_ALPHABETS: Final = {"{method}": "[A-Z]*", "{url}": r"[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*"}


def check_message(signature: SignatureHeader, where: str, *, is_dated: bool) -> None:
    """Check the message of a signature.

    Args:
        signature: The signature.
        where: The name of the key, for errors.
        is_dated: Whether the time is a date, as RFC 3339 specifies.

    Raises:
        InvalidScheme: A field is unknown, missing or there twice; or nothing separates two.
    """
    parts = signature.message
    names = [str(part) for part in parts if isinstance(part, Placeholder)]
    if not {*names} <= {*FIELDS} or len({*names}) < len(names):
        raise InvalidScheme(f"{where} may hold {', '.join(FIELDS)}, each once")
    if len(_CONTENTS.intersection(names)) != 1:
        raise InvalidScheme(
            f"{where} must hold either {{body}} or {{parameters}}, or any body would be valid"
        )
    if re.search(r"[0-9]\{timestamp\}|\{timestamp\}[0-9]", "".join(map(str, parts))):
        raise InvalidScheme(
            f"{where}: a digit next to {{timestamp}} could belong to the time; separate them"
        )
    reason = _unclear(parts, is_dated=is_dated, is_json=signature.is_json)
    if reason and not signature.is_ambiguous:
        raise InvalidScheme(f"{where}: {reason}, or ambiguous = true if the vendor does not")
    if signature.is_ambiguous and not reason:
        raise InvalidScheme(f"{where} has one reading; leave ambiguous out")


def read_members(table: Table) -> str:
    """Return the text between the time and the id in the message of members of the body."""
    form = "write {timestamp} and {id}, with a text between them or without"
    message = table.matching("message", MEMBERS, form, required=True) or ""
    return message.removeprefix("{timestamp}").removesuffix("{id}")


def _unclear(parts: Parts, *, is_dated: bool, is_json: bool) -> str:
    """Return why two requests can share a message, and what to write; or ""."""
    if any(str(part) == "{parameters}" for part in parts):
        return "nothing separates the {parameters} from each other; write {body}"
    for one, between, other in _neighbours(parts):
        # An id before a date has no colon.
        if (one, other) == ("{id}", "{timestamp}") and is_dated:
            continue
        if "{id}" in {one, other} and not between:
            return f"nothing separates {one} from {other}; write a text between them"
    # A time has a fixed length, so its neighbours are next to each other.
    is_behind = False
    for one, between, other in _neighbours([part for part in parts if str(part) != "{timestamp}"]):
        is_behind = is_behind or one == "{body}"
        field = other if is_behind else one
        if not _ends(field, (one, between, other), is_json):
            return f"nothing separates {one} from {other}; write a text between them"
    return ""


def _neighbours(parts: Sequence[str | Placeholder]) -> Iterator[tuple[str, str, str]]:
    """Yield each two fields that follow each other, with the text between them."""
    last, between = "", ""
    for part in parts:
        if isinstance(part, str):
            between += part
            continue
        if last:
            yield last, between, str(part)
        last, between = str(part), ""


def _ends(field: str, place: tuple[str, str, str], is_json: bool) -> bool:
    """Return whether *field* ends in one place only, on the side of the body.

    Args:
        field: The one of two fields that is farther from the body.
        place: The two, in their order, with the text between them.
        is_json: Whether each body is a JSON object or array, or empty.
    """
    one, between, other = place
    if field == "{id}":  # the verifier refuses the characters next to it
        return True
    if is_json and {one, other} == {"{url}", "{body}"}:
        return True
    if field == one and place == ("{method}", "", "{url}"):
        return True
    return not re.fullmatch(_ALPHABETS[field], between)
