"""Whether a recipe can give two principals the same signature."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from countermark.formats import FORMATS
from countermark.rules import ValueRule
from countermark.scheme import Mac, Payload
from countermark.template import Placeholder, Template

_NO_RULE = ValueRule()
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


def ambiguity(payload: Payload | None, mac: Mac | None, rules: Mapping[str, ValueRule]) -> str:
    """Return why two principals may get the same signature, or an empty text.

    JSON and queries say themselves where a value ends; text must be built so that
    it can be taken apart again in one way only.
    """
    texts = [] if mac is None else [mac.message, *mac.siblings.values()]
    if payload is not None and payload.format == "text":
        texts.append(payload.content)
    for text in texts:
        if reason := _ambiguity(text, payload, rules):
            return f"in {str(text)!r} {reason}"
    return ""


def _ambiguity(text: Template, payload: Payload | None, rules: Mapping[str, ValueRule]) -> str:
    for placeholder in text.placeholders:
        if reason := _collision(placeholder, rules):
            return reason
    parts = _merged(text)
    fields = [place for place, part in enumerate(parts) if isinstance(part, Placeholder)]

    def ends(place: int, neighbour: int) -> bool:
        """Tell whether the field ends where its neighbour, to one side, begins."""
        field = parts[place]
        assert isinstance(field, Placeholder)  # noqa: S101  # for the type checker
        if _width(field):
            return True
        literal = parts[neighbour] if 0 <= neighbour < len(parts) else ""
        if not isinstance(literal, str) or not literal:
            return False
        edge = literal[0] if neighbour > place else literal[-1]
        return _never(field, edge, payload, rules)

    # Fields are taken off from the left and from the right, as far as each shows its
    # own end; whatever is between them is the one that is left.
    left, right = 0, len(fields)
    while left < right and ends(fields[left], fields[left] + 1):
        left += 1
    while right > left and ends(fields[right - 1], fields[right - 1] - 1):
        right -= 1
    if right - left <= 1:
        return ""
    first, second = (str(parts[place]) for place in fields[left : left + 2])
    return f"nothing tells where {first} ends and {second} begins"


def _merged(text: Template) -> list[str | Placeholder]:
    """Return the parts with the account's constants as the literals that they are."""
    parts: list[str | Placeholder] = []
    for part in text.parts:
        constant = isinstance(part, Placeholder) and part.names[0].startswith("settings.")
        piece = "" if constant else part
        if isinstance(piece, str) and parts and isinstance(parts[-1], str):
            parts[-1] += piece
        else:
            parts.append(piece)
    return parts


def _collision(placeholder: Placeholder, rules: Mapping[str, ValueRule]) -> str:
    """Tell whether two principals can have the same value there."""
    if any(name != "email" and rules.get(name, _NO_RULE).lower for name in placeholder.names):
        return f"{placeholder} is put into lower case"
    for one, other in combinations(placeholder.names, 2):
        if not _told_apart({one, other}, rules):
            return f"{one} and {other} can be the same text"
    return ""


def _told_apart(names: set[str], rules: Mapping[str, ValueRule]) -> bool:
    """Tell whether what two values hold is never the same.

    An e-mail address has an "@". An object, where a format makes it a key, has a
    colon after its kind.
    """
    marks = {"email": "@"} | {
        name: ":" for name in names if rules.get(name, _NO_RULE).kind == "object"
    }
    (one, other) = names
    return any(
        marks.get(a, "") in rules.get(b, _NO_RULE).refuse_containing
        for a, b in ((one, other), (other, one))
    )


def _width(field: Placeholder) -> int | None:
    # The seconds of our time have ten digits until the year 2286.
    if set(field.names) <= {"now", "expires"}:
        return FORMATS[field.format].width
    return None


def _never(
    field: Placeholder, character: str, payload: Payload | None, rules: Mapping[str, ValueRule]
) -> bool:
    """Tell whether the field never holds *character*."""
    if field.format:
        return FORMATS[field.format].never(character)
    if field.names == ("payload",):
        assert payload is not None  # noqa: S101  # or the placeholder would be unknown
        return payload.encoding != "none" and character not in _BASE64
    return character < " " or all(
        character in rules.get(name, _NO_RULE).refuse_containing for name in field.names
    )
