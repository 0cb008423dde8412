"""Reads JSON Web Tokens strictly. PyJWT checks the signature."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from countermark.errors import ConfigurationError
from countermark.keys._keyring import Key
from countermark.principal import Principal, Signable, identifier_text
from countermark.schemes._parts import Jwt
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import MISSING, Template
from countermark.tokens._jwt import Verify, compile_jwt_check
from countermark.tokens._mac import is_canonical
from countermark.tokens._reader import TokenContents, Unreadable, moment

_BASE64URL: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

# The claims of RFC 7519 that are times, and their templates in schemes.
_TIMES: Final = {"exp": "{expires:s}", "iat": "{now:s}", "nbf": "{now:s}"}

#: A path into the claims, the template, and the value in the token.
Found = Iterator[tuple[str, Any, Any]]


class JwtReader:
    """Reads the tokens of a scheme that are JSON Web Tokens.

    Args:
        scheme: The scheme, with the account's constants in its templates.

    Raises:
        ConfigurationError: The id or a time cannot be read from the claims.
    """

    __slots__ = ("_jwt", "_scheme")

    needs_principal = False
    signs_besides = ()
    dated = True

    def __init__(self, scheme: Scheme) -> None:
        assert scheme.jwt is not None  # noqa: S101  # or this is not its reader
        self._jwt: Jwt = scheme.jwt
        self._scheme = scheme
        for path, template, _ in _entries(self._jwt.claims, MISSING):
            if isinstance(template, Template) and not _is_readable(path, template):
                raise ConfigurationError(
                    f"{scheme.slug}: its tokens cannot be verified: the claim {path} has"
                    f" {template} in a form in which it cannot be read; choose another scheme,"
                    " or sign with this one alone"
                )

    def prepared(self, key: Key) -> Verify:
        """Return the check of signatures with *key*."""
        return compile_jwt_check(self._jwt.algorithm, key)

    def read(self, token: str, principal: Signable | None) -> TokenContents:
        """See ``Reader``."""
        header, claims = jwt_parts(token)
        if header.get("alg") != self._jwt.algorithm or {"crit", "b64"} & set(header):
            raise Unreadable("malformed")
        named: dict[str, Any] = {}
        foreign = False
        for wanted, found in ((self._jwt.header, header), (self._jwt.claims, claims)):
            for path, template, value in _entries(wanted, found):
                foreign |= not self._agree(path, template, value, named)
        if self._jwt.one_of and not named.keys() & set(self._jwt.one_of):
            raise Unreadable("malformed")
        self._check_principal(principal, named)
        times = {name: moment(claims[name]) for name in _TIMES if name in claims}
        issued, begins = times.get("iat"), times.get("nbf")
        return TokenContents(
            token,
            claimed_id=named.get("id"),
            claims=claims,
            foreign=foreign,
            issued_at=issued,
            begins_at=begins if issued is None else max(issued, begins or 0),
            expires_at=times.get("exp"),
        )

    def made_with(self, check: Verify, reading: TokenContents) -> bool:
        """See ``Reader``."""
        return check(reading.token)

    def proved(self, check: Verify, reading: TokenContents) -> tuple[str | None, Mapping[str, Any]]:
        """See ``Reader``."""
        return reading.claimed_id, reading.claims

    def _agree(self, path: str, template: Any, value: Any, named: dict[str, Any]) -> bool:
        """Tell whether the constants match, and note the values of the principal."""
        lone = template.lone if isinstance(template, Template) else None
        if value is MISSING:
            if lone is None or not lone.optional:
                raise Unreadable("malformed")
            return True
        if lone is not None:
            if lone.names[0].startswith("settings."):
                return False  # the account has no such constant
            if not lone.format and len(lone.names) == 1:
                _note(named, lone.names[0], value)
            return True
        before, name, behind = _text(template)
        if name:
            _note(named, name, _inside(value, before, behind))
            return True
        if path == "aud" and isinstance(value, list):
            return before in value  # RFC 7519, section 4.1.3
        # With the types, as true is 1 to Python, and not to JSON.
        return (value, type(value)) == (before, type(before))

    def _check_principal(self, principal: Signable | None, named: Mapping[str, Any]) -> None:
        """Check that the token and *principal* name the same principal."""
        if principal is None:
            return
        who = principal if isinstance(principal, Principal) else Principal(principal)
        known = {name: getattr(who, name) for name in ("id", "email", "phone")}
        both = {name for name in named if known.get(name) is not None}
        lower = {name for name in both if self._scheme.rule(name).lower}
        if not both or any(
            named[name] != (known[name].lower() if name in lower else known[name]) for name in both
        ):
            raise Unreadable("mismatch")


def _text(template: Any) -> tuple[Any, str, str]:
    """Return the constant before the value of the principal, its name, and the constant after."""
    if not isinstance(template, Template):
        return template, "", ""
    texts, name = [""], ""
    for part in template.parts:
        if isinstance(part, str):
            texts[-1] += part
        else:
            name = part.names[0]
            texts.append("")
    return texts[0], name, texts[-1]


def _is_readable(path: str, template: Template) -> bool:
    """Tell whether the values of a template can be read from a token."""
    values = list(template.placeholders)
    for value in values:
        names = set(value.names)
        if {"now", "expires"} & names and _TIMES.get(path) != str(value).replace("?", ""):
            return False
        if "id" in names and (len(values) > 1 or len(names) > 1 or value.format):
            return False
    # Between two values the boundary is unknown.
    return len(values) < 2


def _note(named: dict[str, Any], name: str, value: Any) -> None:
    if name == "id":
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise Unreadable("malformed")
        value = identifier_text(value)
    if named.setdefault(name, value) != value:
        raise Unreadable("ambiguous")


def _inside(value: Any, before: str, behind: str) -> str:
    if not isinstance(value, str) or not value.startswith(before) or not value.endswith(behind):
        raise Unreadable("malformed")
    return value[len(before) : len(value) - len(behind)]


def jwt_parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a token whose parts are canonical base64url.

    They are unverified.

    Raises:
        Unreadable: The token is malformed.
    """
    parts = token.split(".")
    if len(parts) != 3 or not all(
        part and _BASE64URL.issuperset(part) and is_canonical(part, "base64url") for part in parts
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
    if len(found) < len(pairs):  # readers do not agree on which of the two counts
        raise Unreadable("ambiguous")
    return found


def _refuse(constant: str) -> None:
    raise Unreadable("malformed")  # NaN and the like are not JSON


def _entries(template: Any, value: Any, path: str = "") -> Found:
    """Yield each template of a structure with its path and the value in the token.

    A missing value is ``MISSING``; so are all values of a token that is ``MISSING``.
    """
    if isinstance(template, dict):
        if not isinstance(value, dict) and value is not MISSING:
            raise Unreadable("malformed")
        for key, inner in template.items():
            found = MISSING if value is MISSING else value.get(key, MISSING)
            yield from _entries(inner, found, f"{path}.{key}" if path else key)
    elif isinstance(template, list):
        if value is not MISSING and (not isinstance(value, list) or len(value) != len(template)):
            raise Unreadable("malformed")
        found_items = [MISSING] * len(template) if value is MISSING else value
        for inner, found in zip(template, found_items, strict=True):
            yield from _entries(inner, found, path)
    else:
        yield path, template, value
