"""A vendor's recipe: what is signed, how the token is spelled, what it travels with.

A recipe is data. What it may say is written down in :class:`Scheme`;
:mod:`countermark.recipe` reads it, :mod:`countermark.rendering` carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark.catalogue import load
from countermark.errors import UnknownScheme
from countermark.rules import ValueRule
from countermark.showing import guarded

if TYPE_CHECKING:
    from datetime import date
    from os import PathLike

    from countermark.template import Template


class Vector(NamedTuple):
    """An example of a recipe: what goes in, and the token that comes out.

    Attributes:
        secret: The secret.
        token: The token; of an example that gives a *message*, its MAC.
        origin: Who vouches for it.
        id: The principal's id.
        email: Their e-mail address.
        attributes: What else is known of them.
        settings: The account's constants.
        now: The time, in seconds since the epoch.
        message: The exact text that the MAC is over, where the vendor's example
            is one of the MAC alone.
    """

    secret: str
    token: str
    origin: str
    id: str | None = None
    email: str | None = None
    attributes: Mapping[str, Any] = {}
    settings: Mapping[str, str] = {}
    now: float = 0
    message: str | None = None


class Setting(NamedTuple):
    """A constant of the user's account, such as an app id, that a token or a field holds.

    Attributes:
        variable: The environment variable that holds it by convention.
        default: What it is unless said otherwise, where nothing is as good as
            missing; None: it must be given.
    """

    variable: str
    default: str | None


class Mac(NamedTuple):
    """A message authentication code.

    Attributes:
        algorithm: The hash: ``sha1``, ``sha256`` or ``sha512``.
        key: What the secret is written in: ``text``, ``hex`` or ``base64``.
        construction: ``hmac``, or ``suffix`` for a plain hash over the message
            with the secret behind it.
        message: What is signed.
        encoding: How the code is written: ``hex``, ``hex-upper``, ``base64``
            or ``base64url`` (without padding).
        siblings: Further messages signed the same way, by name.
    """

    algorithm: str
    key: str
    construction: str
    message: Template
    encoding: str
    siblings: Mapping[str, Template]


class Payload(NamedTuple):
    """Text or data that is encoded, signed in that form, and travels beside the code.

    Attributes:
        format: ``json``, ``query`` or ``text``.
        encoding: ``none``, ``base64`` or ``base64url`` (without padding).
        content: A structure of templates.
    """

    format: str
    encoding: str
    content: Any


class Jwt(NamedTuple):
    """A JSON Web Token.

    Attributes:
        algorithm: ``HS256``, ``HS512``, ``RS256`` or ``ES256``.
        header: What its header holds beside ``alg`` and ``typ``.
        claims: A structure of templates.
        one_of: Values of which a principal must have one, as each is optional.
        attributes: Whether the vendor takes claims of the user's own choice.
        exclusive: Whether what is in the claims must not also travel in clear.
    """

    algorithm: str
    header: Any
    claims: Any
    one_of: tuple[str, ...]
    attributes: bool
    exclusive: bool


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
        return load(slug)

    @classmethod
    @guarded
    def from_mapping(cls, data: Mapping[str, Any]) -> Scheme:
        """Build a scheme from a mapping: a recipe's tables and keys, and its ``slug``.

        Raises:
            InvalidScheme: A key is missing, unknown or of the wrong kind, or two
                contradict each other. The message names them.
        """
        from countermark.recipe import read

        return read(data)

    @classmethod
    @guarded
    def from_toml(cls, path: str | PathLike[str]) -> Scheme:
        """Build a scheme from a TOML file. Its name is the slug, unless the file gives one.

        Raises:
            InvalidScheme: As for ``from_mapping``, or it is not TOML.
            OSError: The file cannot be read.
        """
        from countermark.recipe import read_file

        return read_file(path)

    def rule(self, name: str) -> ValueRule:
        """Return what the vendor takes for the value *name*."""
        return self.values.get(name, _NO_RULE)

    def __repr__(self) -> str:
        return f"<Scheme {getattr(self, 'slug', 'refused')}>"


_NO_RULE = ValueRule()
