"""A vendor's recipe: what is signed, how the token is spelled, what it travels with.

A recipe is data. What it may say is written down in :class:`Scheme`;
:mod:`countermark.schemes._parser` reads it, :mod:`countermark.tokens` carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from countermark._redaction import guarded
from countermark.errors import UnknownScheme
from countermark.schemes._parts import PRINCIPAL_TEXTS, Jwt, Mac, Payload, Setting, Vector
from countermark.schemes._templates import Template, map_templates, templates_in
from countermark.schemes._value_rules import ValueRule

if TYPE_CHECKING:
    from datetime import date
    from os import PathLike


class Scheme:
    """How one vendor wants an identity to be signed. Not to be changed once read.

    Either ``mac`` or ``jwt`` is there.
    """

    __slots__ = {
        "slug": "The name of the recipe in code, such as ``cognito-flow``.",
        "name": "What the vendor calls it.",
        "status": "``current`` or ``deprecated``.",
        "replacement": "What the vendor offers instead of a deprecated scheme.",
        "source": "Where the recipe was read.",
        "read": "When it was read, or None.",
        "confidence": "How sure the recipe is.",
        "unsure": "What about it is not certain, or nothing.",
        "notes": "What a user should know.",
        "ambiguous": "Why two principals may get the same signature, or nothing.",
        "variable": "The environment variable that holds the secret by convention.",
        "refuse_prefixes": "How values begin that are handed out beside the secret.",
        "environments": "How secrets begin, by environment.",
        "settings": "The account's constants, by name.",
        "values": "What the vendor takes for each value, by name.",
        "lifetime": "How long a token lives unless said otherwise, in seconds; None: no end.",
        "max_lifetime": "How long it may live at most, in seconds; None: not known.",
        "expires": "Whether tokens can end.",
        "payload": "The payload, or None.",
        "mac": "The code, or None.",
        "jwt": "The JSON Web Token, or None.",
        "token": "How the token is spelled: a template, or a table of them for JSON.",
        "header": "The response header that carries the token, or None.",
        "request_header": "The request header in which the vendor's front end sends it, or None.",
        "fields": "What the front end hands over, by the vendor's names.",
        "frontend": "The line of JavaScript that hands over ``identity``, the fields.",
        "vectors": "Examples.",
        "never_signed": "The values that the account never signs; see ``never_signed=``.",
    }

    slug: str
    name: str
    status: str
    replacement: str
    source: tuple[str, ...]
    read: date | None
    confidence: str
    unsure: str
    notes: str
    ambiguous: str
    variable: str
    refuse_prefixes: tuple[str, ...]
    environments: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, Setting]
    values: Mapping[str, ValueRule]
    lifetime: int | None
    max_lifetime: int | None
    expires: bool
    payload: Payload | None
    mac: Mac | None
    jwt: Jwt | None
    token: Any
    header: str | None
    request_header: str | None
    fields: Mapping[str, Any]
    frontend: str
    vectors: tuple[Vector, ...]
    never_signed: frozenset[str]

    def __init__(self, **what: Any) -> None:
        for name in self.__slots__:
            setattr(self, name, what.pop(name))
        if what:
            raise TypeError(f"a scheme has no {', '.join(what)}")

    @classmethod
    @guarded
    def load(cls, slug: str) -> Scheme:
        """Return the scheme *slug* of the catalogue.

        Raises:
            UnknownScheme: There is none of that name.
        """
        given: object = slug
        if not isinstance(given, str):
            raise UnknownScheme("the name of a scheme must be a text such as 'stigg'")
        return _load(slug)

    @classmethod
    @guarded
    def from_mapping(cls, data: Mapping[str, Any]) -> Scheme:
        """Build a scheme from a mapping: a recipe's tables and keys, and its ``slug``.

        Raises:
            InvalidScheme: A key is missing, unknown or of the wrong kind, or two
                contradict each other. The message names them.
        """
        from countermark.schemes._parser import read

        return cls(**read(data))

    @classmethod
    @guarded
    def from_toml(cls, path: str | PathLike[str]) -> Scheme:
        """Build a scheme from a TOML file. Its name is the slug, unless the file gives one.

        Raises:
            InvalidScheme: As for ``from_mapping``, or it is not TOML.
            OSError: The file cannot be read.
        """
        from countermark.schemes._parser import read_file

        return cls(**read_file(path))

    def rule(self, name: str) -> ValueRule:
        """Return what the vendor takes for the value *name*."""
        return self.values.get(name, _NO_RULE)

    @property
    def signs_principal(self) -> bool:
        """Whether the claims of a JWT hold something of the principal by themselves."""
        known = {*PRINCIPAL_TEXTS, *self.values}
        claims = self.jwt.claims if self.jwt else {}
        return any(
            known.intersection(p.names) for t in templates_in(claims) for p in t.placeholders
        )

    def __repr__(self) -> str:
        return f"<Scheme {getattr(self, 'slug', 'refused')}>"


def replaced(scheme: Scheme, **changes: Any) -> Scheme:
    """Return a copy of *scheme* with other values of some attributes."""
    return Scheme(**{name: getattr(scheme, name) for name in Scheme.__slots__} | changes)


def with_templates(scheme: Scheme, change: Callable[[Template], Template]) -> Scheme:
    """Return a copy of *scheme* with each template of tokens and fields changed."""
    payload, mac, jwt = scheme.payload, scheme.mac, scheme.jwt
    if payload is not None:
        payload = payload._replace(content=map_templates(payload.content, change))
    if mac is not None:
        siblings = map_templates(dict(mac.siblings), change)
        mac = mac._replace(message=change(mac.message), siblings=siblings)
    if jwt is not None:
        header, claims = map_templates(jwt.header, change), map_templates(jwt.claims, change)
        jwt = jwt._replace(header=header, claims=claims)
    token, fields = map_templates(scheme.token, change), map_templates(scheme.fields, change)
    return replaced(scheme, payload=payload, mac=mac, jwt=jwt, token=token, fields=fields)


_NO_RULE = ValueRule()


@cache
def _load(slug: str) -> Scheme:
    from countermark.schemes._catalogue import read_scheme
    from countermark.schemes._parser import parse

    return Scheme(**parse(read_scheme(slug), slug))
