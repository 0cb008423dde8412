"""Checks that the parts of a scheme fit together. Each check raises ``InvalidScheme``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from countermark._redaction import shown
from countermark.errors import InvalidPrincipal, InvalidScheme
from countermark.principal import identifier_text
from countermark.schemes._ambiguity import signed_templates
from countermark.schemes._formats import FORMATS, VALUE_KINDS
from countermark.schemes._header_names import header_name
from countermark.schemes._parts import PRINCIPAL_TEXTS, Jwt, SchemeParts
from countermark.schemes._patterns import checked_portable_pattern
from countermark.schemes._templates import (
    Placeholder,
    lone_entries,
    names_in,
    placeholders_in,
    templates_in,
)
from countermark.schemes._value_rules import ValueRule

#: The values that every principal may have, and those of the current moment, by kind.
PRINCIPAL = {**dict.fromkeys(PRINCIPAL_TEXTS, "text"), "created": "time"}
MOMENT = {"now": "time", "expires": "time", "lifetime": "duration", "uuid": "text"}
_IN_TEXT = ("text", "integer")


class _Place(NamedTuple):
    """A template or a structure of templates.

    Attributes:
        where: Its place, for messages.
        content: The template or structure.
        known: The kinds of the values that it may name, by name.
        texts: True if each entry must become a text or a number.
    """

    where: str
    content: Any
    known: Mapping[str, str]
    texts: bool = False


def check_parts(parts: SchemeParts) -> None:
    """Check the parts of a scheme, each and together.

    Raises:
        InvalidScheme: They contradict each other; the message names the key.
    """
    where = f"scheme {parts.slug}"
    _check_shapes(parts, where)
    for name in parts.values:
        _check_rule(name, parts.values, f"{where}: [values.{name}]")
    for place in _places(parts):
        _check_place(place, parts)
    if parts.jwt is not None:
        _check_jwt(parts.jwt, parts, where)
    _check_principal(parts, where)
    _check_token(parts, f"{where}: [token]")
    _check_key_prefix(parts, where)
    _check_lifetime(parts, where)


def signed_placeholders(parts: SchemeParts) -> Iterator[Placeholder]:
    """Yield the placeholders of the token and of all that is signed for it."""
    jwt = [] if parts.jwt is None else [parts.jwt.header, parts.jwt.claims]
    mac = [] if parts.mac is None else [parts.mac.message, *parts.mac.siblings.values()]
    payload = [] if parts.payload is None else [parts.payload.content]
    return placeholders_in([*payload, *mac, *jwt, parts.token])


def _principal_values(parts: SchemeParts) -> set[str]:
    """Return the names of the principal's own values, without defaults and times."""
    return {*PRINCIPAL_TEXTS} | {
        name for name, rule in parts.values.items() if rule.default is None
    }


def _places(parts: SchemeParts) -> Iterator[_Place]:
    """Yield the places with placeholders; each place may name what precedes it."""
    where = f"scheme {parts.slug}"
    known = MOMENT | PRINCIPAL | {name: rule.kind for name, rule in parts.values.items()}
    known |= {f"settings.{name}": "text" for name in parts.settings}
    if parts.payload is not None:
        query = parts.payload.format in {"query", "query-percent"}
        yield _Place(f"{where}: [payload]: content", parts.payload.content, known, texts=query)
        known = known | {"payload": "text"}
    if parts.mac is not None:
        yield _Place(f"{where}: [mac]: message", parts.mac.message, known)
        for name, message in parts.mac.siblings.items():
            yield _Place(f"{where}: [macs]: {name}", message, known)
        known = known | {"mac": "text"} | {f"macs.{name}": "text" for name in parts.mac.siblings}
    if parts.jwt is not None:
        yield _Place(f"{where}: [jwt]: header", parts.jwt.header, known, texts=True)
        yield _Place(f"{where}: [jwt]: claims", parts.jwt.claims, known)
        known = known | {"jwt": "text"}
    shown = {"key_prefix": "text"} if parts.key_prefix else {}
    yield _Place(f"{where}: [token]: template", parts.token, known | shown)
    yield _Place(f"{where}: [fields]", parts.fields, known | {"token": "text"})


def _check_shapes(parts: SchemeParts, where: str) -> None:
    """Check the shapes of secrets. One that matches the empty text would match everywhere."""
    place = f"{where}: [secret]: shapes: an entry"
    for shape in parts.shapes:
        if re.match(checked_portable_pattern(shape, place), ""):
            raise InvalidScheme(f"{place} matches the empty text; describe the whole secret")


def _check_rule(name: str, values: Mapping[str, ValueRule], where: str) -> None:
    rule = values[name]
    if not {*rule.apart_from} <= {*MOMENT, *PRINCIPAL, *values} - {name}:
        raise InvalidScheme(f"{where}: apart_from must name other values; change it")
    for pattern in rule.patterns:
        checked_portable_pattern(pattern, f"{where}: pattern")
    if isinstance(rule.default, str) and not _accepts(rule, rule.default):
        raise InvalidScheme(f"{where}: default breaks the rules of this value; change one of them")


def _accepts(rule: ValueRule, default: str) -> bool:
    try:
        fit = not default or identifier_text(default) == default
        return fit and rule.apply(default, "") == default
    except InvalidPrincipal:
        return False


def _check_place(place: _Place, parts: SchemeParts) -> None:
    entries = set(map(id, lone_entries(place.content)))
    for template in templates_in(place.content):
        in_text = place.texts or template is place.content or template.lone is None
        for placeholder in template.placeholders:
            if placeholder.optional and id(template) not in entries:
                raise InvalidScheme(
                    f"{place.where}: {_named(placeholder, place.known)} cannot be optional here,"
                    " as it is not an entry by itself; drop its ?"
                )
            for name in placeholder.names:
                if problem := _problem(
                    name, placeholder, place, parts, _IN_TEXT if in_text else VALUE_KINDS
                ):
                    raise InvalidScheme(f"{place.where}: {problem}")


def _problem(
    name: str, placeholder: Placeholder, place: _Place, parts: SchemeParts, kinds: tuple[str, ...]
) -> str | None:
    """Return why a placeholder may not hold the value *name*, or None."""
    if name not in place.known:
        return (
            f"unknown name {shown(name, place.known)} in a placeholder; describe it in [values],"
            " or use one of the principal's"
        )
    named, kind = _named(placeholder, place.known), place.known[name]
    if kind not in (FORMATS[placeholder.format].kinds if placeholder.format else kinds):
        return f"{named}: the format does not fit a {kind}; choose another, or leave it out"
    if len(placeholder.names) > 1 and name not in _principal_values(parts):
        return f"{named}: only values of the principal can be alternatives; keep one name"
    setting = parts.settings.get(name.removeprefix("settings.")) if "." in name else None
    if setting is not None and setting.default == "" and not placeholder.optional:
        return f"{named} can be empty, so write it with a ? at its end"
    return None


def _named(placeholder: Placeholder, known: Mapping[str, str]) -> str:
    """Return a placeholder for a message, without names that are not known."""
    if known.keys() >= {*placeholder.names}:
        return str(placeholder)
    return f"{{{'|'.join(shown(name, known) for name in placeholder.names)}}}"


def _check_jwt(jwt: Jwt, parts: SchemeParts, where: str) -> None:
    claimed = names_in(jwt.claims)
    for name in jwt.one_of:
        if name not in claimed & _principal_values(parts):
            raise InvalidScheme(
                f"{where}: [jwt]: one_of: {shown(name, claimed)} is not one of the claims that"
                " hold a value of the principal"
            )
    for placeholder in placeholders_in(parts.fields) if jwt.exclusive else ():
        if claimed.intersection(placeholder.names) & {*PRINCIPAL, *parts.values}:
            raise InvalidScheme(
                f"{where}: [fields]: {placeholder} is a claim of an exclusive scheme; leave it out"
                " of [fields]"
            )


def _check_principal(parts: SchemeParts, where: str) -> None:
    """Check that each text that is signed holds a value of the principal."""
    if parts.jwt is not None and (parts.jwt.one_of or parts.jwt.attributes):
        return
    own = _principal_values(parts)
    for group in signed_templates(parts):
        if not any(own.issuperset(p.names) and not p.optional for p in placeholders_in(group)):
            raise InvalidScheme(
                f"{where}: a text that is signed holds nothing of the principal; add a"
                " placeholder such as {id}"
            )


def _check_token(parts: SchemeParts, where: str) -> None:
    code = "jwt" if parts.jwt else "mac"
    if [name for p in placeholders_in(parts.token) for name in p.names].count(code) != 1:
        raise InvalidScheme(f"{where}: template must hold {{{code}}} exactly once; write it there")
    for key, name in (("header", parts.header), ("request_header", parts.request_header)):
        if name is not None:
            header_name(name, f"{where}: {key}", InvalidScheme)


def _check_key_prefix(parts: SchemeParts, where: str) -> None:
    if parts.key_prefix and "key_prefix" not in names_in(parts.token):
        raise InvalidScheme(
            f"{where}: [secret]: the token does not show {{key_prefix}}; leave key_prefix out"
        )


def _check_lifetime(parts: SchemeParts, where: str) -> None:
    lifetime, least, most = parts.lifetime, parts.min_lifetime, parts.max_lifetime
    times = [p for p in signed_placeholders(parts) if {"expires", "lifetime"} & {*p.names}]
    if lifetime is None and any(not placeholder.optional for placeholder in times):
        raise InvalidScheme(
            f"{where}: lifetime is missing; add it in seconds, as the token must expire"
        )
    if not times and (lifetime or least or most):
        raise InvalidScheme(
            f"{where}: nothing {{expires}}; leave lifetime, min_lifetime and max_lifetime out"
        )
    given = [seconds for seconds in (least, lifetime, most) if seconds is not None]
    if given != sorted(given):
        raise InvalidScheme(
            f"{where}: lifetime, min_lifetime and max_lifetime contradict each other; lifetime must"
            " be at least min_lifetime and at most max_lifetime"
        )
