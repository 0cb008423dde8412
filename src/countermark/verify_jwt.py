"""JSON Web Tokens, read strictly; PyJWT checks the signature."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from countermark.jwt import Verify, compile_jwt_check
from countermark.keys import Key
from countermark.mac import is_canonical
from countermark.principal import Principal, Signable, identifier_text
from countermark.reading import Reading, Unreadable, moment
from countermark.rules import ValueRule
from countermark.scheme import Jwt
from countermark.template import MISSING, Template

_BASE64URL: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_TIMES: Final = frozenset({"now", "expires", "created"})

#: A template of the claims, and what a token has in its place.
Found = Iterator[tuple[Any, Any]]


class JwtReader:
    """Reads the tokens of a recipe that are JSON Web Tokens.

    Args:
        jwt: The recipe's part.
        settings: The account's constants, by name.
        rule: What is taken for an id.
    """

    __slots__ = ("_jwt", "_rule", "_settings")

    needs_principal = False
    dated = True

    def __init__(self, jwt: Jwt, settings: Mapping[str, str], rule: ValueRule) -> None:
        self._jwt, self._settings, self._rule = jwt, settings, rule

    def prepared(self, key: Key) -> Verify:
        """Return what checks signatures with *key*."""
        return compile_jwt_check(self._jwt.algorithm, key)

    def read(self, token: str, principal: Signable | None) -> Reading:
        """See ``Reader``."""
        header, claims = _parts(token)
        if header.get("alg") != self._jwt.algorithm or {"crit", "b64"} & set(header):
            raise Unreadable("malformed")
        named: dict[str, Any] = {}
        for template, value in (
            *_pairs(self._jwt.header, header),
            *_pairs(self._jwt.claims, claims),
        ):
            self._compare(template, value, named)
        if self._jwt.one_of and not named.keys() & set(self._jwt.one_of):
            raise Unreadable("malformed")
        _is_for(principal, named)
        times = {name: moment(claims[name]) for name in ("iat", "nbf", "exp") if name in claims}
        issued, begins = times.get("iat"), times.get("nbf")
        return Reading(
            token,
            claimed_id=named.get("id"),
            claims=MappingProxyType(claims),
            issued_at=issued,
            begins_at=begins if issued is None else max(issued, begins or 0),
            expires_at=times.get("exp"),
        )

    def made_with(self, check: Verify, reading: Reading) -> bool:
        """See ``Reader``."""
        return check(reading.token)

    def proved(self, check: Verify, reading: Reading) -> tuple[str | None, Mapping[str, Any]]:
        """See ``Reader``."""
        return reading.claimed_id, reading.claims

    def _compare(self, template: Any, value: Any, named: dict[str, Any]) -> None:
        """Compare *value* with what the recipe wants there; note what it says of the principal."""
        lone = template.lone if isinstance(template, Template) else None
        if value is MISSING:
            if lone is None or not lone.optional:
                raise Unreadable("malformed")
        elif lone is None or lone.names[0].startswith("settings."):
            before, name, behind = self._text(template)
            # True is 1 to Python, and not to JSON.
            if not name and (
                value != before or isinstance(value, bool) != isinstance(before, bool)
            ):
                # Somebody else's account, or another kind of token of this one.
                raise Unreadable("wrong_environment")
            if name:
                named[name] = self._inside(value, before, behind)
        elif lone.names[0] in _TIMES:
            moment(value)
        elif lone.names[0] == "id":
            named["id"] = self._id(value)
        else:
            named[lone.names[0]] = value

    def _text(self, template: Any) -> tuple[Any, str, str]:
        """Return what is constant: before a value of the principal, its name, and behind it."""
        if not isinstance(template, Template):
            return template, "", ""
        texts, name = [""], ""
        for part in template.parts:
            if isinstance(part, str):
                texts[-1] += part
            elif part.names[0].startswith("settings."):
                texts[-1] += self._settings[part.names[0].removeprefix("settings.")]
            else:
                name = part.names[0]
                texts.append("")
        return texts[0], name, texts[-1]

    def _inside(self, value: Any, before: str, behind: str) -> str:
        if not isinstance(value, str) or not value.startswith(before) or not value.endswith(behind):
            raise Unreadable("malformed")
        return self._id(value[len(before) : len(value) - len(behind)])

    def _id(self, value: object) -> str:
        if not isinstance(value, str):
            raise Unreadable("malformed")
        return self._rule.apply(identifier_text(value), "the id")


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a token whose parts are written canonically."""
    parts = token.split(".")
    if len(parts) != 3 or not all(
        part
        and len(part) % 4 != 1
        and _BASE64URL.issuperset(part)
        and is_canonical(part, "base64url")
        for part in parts
    ):
        raise Unreadable("malformed")
    header, claims = map(_object, parts[:2])
    return header, claims


def _object(part: str) -> dict[str, Any]:
    from base64 import urlsafe_b64decode

    try:
        found = json.loads(
            urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode(),
            object_pairs_hook=_without_doubles,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreadable("malformed")
    return found


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # which of the two counts, readers do not agree on
        raise Unreadable("ambiguous")
    return found


def _refuse(constant: str) -> None:
    raise Unreadable("malformed")  # NaN and the like are not JSON


def _pairs(template: Any, value: Any) -> Found:
    """Yield each template of a structure with what a token has there, or ``MISSING``."""
    if isinstance(template, dict):
        if not isinstance(value, dict):
            raise Unreadable("malformed")
        for key, inner in template.items():
            yield from _pairs(inner, value.get(key, MISSING))
    elif isinstance(template, list):
        if not isinstance(value, list) or len(value) != len(template):
            raise Unreadable("malformed")
        for inner, found in zip(template, value, strict=True):
            yield from _pairs(inner, found)
    else:
        yield template, value


def _is_for(principal: Signable | None, named: Mapping[str, Any]) -> None:
    """Check that what a token says of the principal is what is known of them."""
    if principal is None:
        return
    who = principal if isinstance(principal, Principal) else Principal(principal)
    known = {name: getattr(who, name) for name in ("id", "email", "phone")}
    both = {name for name in named if known.get(name) is not None}
    if not both or any(named[name] != known[name] for name in both):
        raise Unreadable("mismatch")
