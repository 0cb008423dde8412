"""Whether a recipe can give two principals the same signature."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from countermark.schemes._formats import FORMATS
from countermark.schemes._parts import Jwt, Mac, Payload
from countermark.schemes._templates import Placeholder, Template, templates_in
from countermark.schemes._value_rules import ValueRule

Rules = Mapping[str, ValueRule]

_NO_RULE = ValueRule()
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_CONSTANTS = "settings."


def signed_templates(
    payload: Payload | None, mac: Mac | None, jwt: Jwt | None
) -> list[list[Template]]:
    """Return the templates of each text that is signed: of a message, its own and its payload's."""
    groups = []
    for message in [] if mac is None else [mac.message, *mac.siblings.values()]:
        with_payload = any("payload" in placeholder.names for placeholder in message.placeholders)
        inside = templates_in(payload.content) if payload and with_payload else ()
        groups.append([message, *inside])
    if jwt is not None:
        groups.append(list(templates_in(jwt.claims)))
    return groups


def ambiguity(
    groups: list[list[Template]], payload: Payload | None, mac: Mac | None, rules: Rules
) -> str:
    """Return why two principals may get the same signature, or an empty text.

    JSON and queries say themselves where a value ends; text must be built so that
    it can be taken apart again in one way only. And no message may be taken for
    another that the same key signs.
    """
    for group in groups:
        # Next to the id, an address need not tell two people apart.
        by_id = any(p.names == ("id",) and not p.optional for t in group for p in t.placeholders)
        folded = {name for name, rule in rules.items() if rule.lower} - (
            {"email"} if by_id else set()
        )
        for template in group:
            if reason := _ambiguity(template, payload, rules, folded):
                return f"in {str(template)!r} {reason}"
    messages = [] if mac is None else [mac.message, *mac.siblings.values()]
    for one, other in combinations(messages, 2):
        if not _begin_differently(one, other, rules):
            return f"{str(one)!r} and {str(other)!r} can be the same text"
    return ""


def _ambiguity(text: Template, payload: Payload | None, rules: Rules, folded: set[str]) -> str:
    for placeholder in text.placeholders:
        if reason := _collision(placeholder, rules, folded):
            return reason
    parts = _merged(text)
    fields = [place for place, part in enumerate(parts) if isinstance(part, Placeholder)]

    def ends(place: int, neighbour: int) -> bool:
        """Tell whether the field ends where its neighbour, to one side, begins."""
        field = parts[place]
        literal = parts[neighbour] if 0 <= neighbour < len(parts) else ""
        if isinstance(field, str) or _width(field):
            return True
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
    """Return the parts without the account's constants, which are the same for everybody.

    What stands before a constant and behind it is not taken for one literal: where it
    begins and ends, no field needs to know.
    """
    parts: list[str | Placeholder] = []
    for part in text.parts:
        if isinstance(part, Placeholder) and part.names[0].startswith(_CONSTANTS):
            piece: str | Placeholder = ""
        else:
            piece = part
        if isinstance(piece, str) and parts and isinstance(parts[-1], str):
            parts[-1] += piece
        else:
            parts.append(piece)
    return parts


def _collision(placeholder: Placeholder, rules: Rules, folded: set[str]) -> str:
    """Return why two principals can have the same value there, or an empty text."""
    if folded.intersection(placeholder.names):
        return f"{placeholder} is put into lower case"
    for one, other in combinations(placeholder.names, 2):
        if not _told_apart(one, other, rules):
            return f"{one} and {other} can be the same text"
    return ""


def _told_apart(one: str, other: str, rules: Rules) -> bool:
    """Tell whether what two values hold is never the same.

    An e-mail address has an "@". An object, where the one format that makes a key of
    it takes it at all, has a colon behind its kind.
    """
    marks = {"email": "@"}
    marks |= {name: ":" for name in (one, other) if rules.get(name, _NO_RULE).kind == "object"}
    return any(
        marks.get(a, "") in rules.get(b, _NO_RULE).refuse_containing
        for a, b in ((one, other), (other, one))
    )


def _begin_differently(one: Template, other: Template, rules: Rules) -> bool:
    """Tell whether no text of one template begins like one of the other."""
    firsts = [_first(template, rules) for template in (one, other)]
    if None not in firsts and firsts[0] != firsts[1]:
        return True
    for first, template in ((firsts[0], other), (firsts[1], one)):
        field = template.parts[0] if template.parts else ""
        if first and isinstance(field, Placeholder) and not field.format:
            refused = [rules.get(name, _NO_RULE).refuse_prefixes for name in field.names]
            if all(first in prefixes for prefixes in refused):
                return True
    return False


def _first(template: Template, rules: Rules) -> str | None:
    """Return the character with which all texts of a template begin, None if they differ."""
    part = template.parts[0] if template.parts else ""
    if isinstance(part, str):
        return part[:1] or None
    kinds = {rules.get(name, _NO_RULE).kind for name in part.names}
    if part.format in {"json", "canonical-json"} and len(kinds) == 1:
        return {"object": "{", "list": "[", "text": '"'}.get(kinds.pop())
    return None


def _width(field: Placeholder) -> int | None:
    # The seconds of our time have ten digits until the year 2286.
    if set(field.names) <= {"now", "expires"}:
        return FORMATS[field.format].width
    return None


def _never(field: Placeholder, character: str, payload: Payload | None, rules: Rules) -> bool:
    """Tell whether the field never holds *character*."""
    if field.format:
        return FORMATS[field.format].never(character)
    if field.names == ("payload",):
        return payload is not None and payload.encoding != "none" and character not in _BASE64
    return character < " " or all(
        character in rules.get(name, _NO_RULE).refuse_containing for name in field.names
    )
