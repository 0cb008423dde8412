"""Finds schemes under which two principals can get the same signature.

JSON and queries delimit their values. A text must be built so that it can be split into its
values in one way only, and no two messages under the same key may be the same text.
"""

from __future__ import annotations

from itertools import combinations

from countermark.schemes._formats import FORMATS
from countermark.schemes._parts import SchemeParts
from countermark.schemes._templates import Placeholder, Template, placeholders_in, templates_in

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


def signed_templates(parts: SchemeParts) -> list[list[Template]]:
    """Return the templates of each text that is signed, with those of its payload."""
    if parts.jwt is not None:
        return [list(templates_in(parts.jwt.claims))]
    payload = [] if parts.payload is None else list(templates_in(parts.payload.content))
    return [
        [message, *(payload if any(p.names == ("payload",) for p in message.placeholders) else ())]
        for message in _messages(parts)
    ]


def ambiguity(parts: SchemeParts) -> str:
    """Return why two principals may get the same signature, or an empty text."""
    lower = {name for name, rule in parts.values.items() if rule.lower}
    for group in signed_templates(parts):
        # An address that is signed with the id need not identify a person.
        by_id = any(p.names == ("id",) and not p.optional for p in placeholders_in(group))
        for template in group:
            reason = _collision(template, parts, lower - {"email"} if by_id else lower)
            if reason := reason or _unclear_border(template, parts):
                return f"in {str(template)!r} {reason}"
    for one, other in combinations(_messages(parts), 2):
        if not _begin_differently(one, other, parts):
            return f"{str(one)!r} and {str(other)!r} can be the same text"
    return ""


def _messages(parts: SchemeParts) -> list[Template]:
    return [] if parts.mac is None else [parts.mac.message, *parts.mac.siblings.values()]


def _collision(template: Template, parts: SchemeParts, lower: set[str]) -> str:
    """Return why a placeholder can have the same value for two principals, or an empty text."""
    for placeholder in template.placeholders:
        if lower.intersection(placeholder.names):
            return f"{placeholder} is put into lower case"
        for one, other in combinations(placeholder.names, 2):
            if not (_differs(one, other, parts) or _differs(other, one, parts)):
                return f"{one} and {other} can be the same text"
    return ""


def _differs(one: str, other: str, parts: SchemeParts) -> bool:
    """Return True if every value *one* holds a character that *other* refuses."""
    # The key of an object is `kind:key`, in the one format that accepts objects in a text.
    mark = "@" if one == "email" else ":" if parts.rule(one).kind == "object" else ""
    return mark in parts.rule(other).refuse_containing


def _unclear_border(template: Template, parts: SchemeParts) -> str:
    """Return which two values of a text cannot be separated, or an empty text."""
    pieces = _without_constants(template)
    fields = [place for place, piece in enumerate(pieces) if isinstance(piece, Placeholder)]

    def has_end(place: int, neighbour: int) -> bool:
        """Return True if the end of the field towards its neighbour can be found."""
        field = pieces[place]
        literal = pieces[neighbour] if 0 <= neighbour < len(pieces) else ""
        if isinstance(field, str) or _width(field):
            return True
        if not isinstance(literal, str) or not literal:
            return False
        return _never_holds(field, literal[0] if neighbour > place else literal[-1], parts)

    # Fields are split off from the left and the right while their ends can be found.
    # A single field that is left over is all of the rest.
    left, right = 0, len(fields)
    while left < right and has_end(fields[left], fields[left] + 1):
        left += 1
    while right > left and has_end(fields[right - 1], fields[right - 1] - 1):
        right -= 1
    if right - left <= 1:
        return ""
    first, second = (str(pieces[place]) for place in fields[left : left + 2])
    return f"nothing separates {first} from {second}"


def _without_constants(template: Template) -> tuple[str | Placeholder, ...]:
    """Return the parts without the account's constants, which are the same for all principals."""
    return Template.of(
        "" if isinstance(part, Placeholder) and part.names[0].startswith("settings.") else part
        for part in template.parts
    ).parts


def _begin_differently(one: Template, other: Template, parts: SchemeParts) -> bool:
    """Return True if no text of one template begins like a text of the other."""
    first, second = _first_character(one, parts), _first_character(other, parts)
    if first is not None and second is not None and first != second:
        return True
    return _refuses_first(other, first, parts) or _refuses_first(one, second, parts)


def _refuses_first(template: Template, character: str | None, parts: SchemeParts) -> bool:
    field = template.parts[0] if template.parts else ""
    return (
        character is not None
        and isinstance(field, Placeholder)
        and not field.format
        and all(character in parts.rule(name).refuse_prefixes for name in field.names)
    )


def _first_character(template: Template, parts: SchemeParts) -> str | None:
    """Return the character with which all texts of a template begin, or None if they differ."""
    part = template.parts[0] if template.parts else ""
    if isinstance(part, str):
        return part[:1] or None
    kinds = {parts.rule(name).kind for name in part.names}
    if part.format in {"json", "canonical-json"} and len(kinds) == 1:
        return {"object": "{", "list": "[", "text": '"'}.get(kinds.pop())
    return None


def _width(field: Placeholder) -> int | None:
    # The current time in seconds has ten digits until the year 2286.
    return FORMATS[field.format].width if {*field.names} <= {"now", "expires"} else None


def _never_holds(field: Placeholder, character: str, parts: SchemeParts) -> bool:
    """Return True if the value of the field cannot hold *character*."""
    if field.format:
        return FORMATS[field.format].never(character)
    if field.names == ("payload",):
        payload = parts.payload
        return payload is not None and payload.encoding != "none" and character not in _BASE64
    return character < " " or all(
        character in parts.rule(name).refuse_containing for name in field.names
    )
