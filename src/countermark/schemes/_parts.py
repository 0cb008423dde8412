"""The parts of a scheme, as plain data.

These are named tuples and not dataclasses: importing ``dataclasses`` would make
``import countermark`` take half as long again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark.schemes._templates import Template
from countermark.schemes._value_rules import ValueRule

if TYPE_CHECKING:
    from datetime import date

#: The longest lifetime of a token, in seconds: a hundred years.
MAX_LIFETIME = 100 * 365 * 86400

#: The values of a principal that are texts.
PRINCIPAL_TEXTS = ("id", "email", "phone", "name")

#: The values that are computed, which no entry of ``[values]`` can describe.
COMPUTED = (
    "created",
    "now",
    "expires",
    "lifetime",
    "uuid",
    "payload",
    "mac",
    "macs",
    "jwt",
    "token",
    "settings",
    "key_prefix",
)

_NO_RULE = ValueRule()


class Vector(NamedTuple):
    """An example of a scheme: the input, and the token that it gives."""

    secret: str  #: The secret.
    token: str  #: The token; with *message*, its MAC.
    origin: str  #: Where the example was published.
    id: str | None = None  #: The principal's id.
    email: str | None = None  #: The principal's e-mail address.
    attributes: Mapping[str, Any] = {}  #: The principal's attributes.
    settings: Mapping[str, str] = {}  #: The account's constants.
    now: float = 0  #: The time, in seconds since the epoch.
    #: The exact text under the MAC, if the vendor's example covers the MAC alone.
    message: str | None = None


class Setting(NamedTuple):
    """A constant of the user's account, such as an app id, in a token or a field."""

    variable: str  #: The environment variable that holds it by convention.
    default: str | None  #: Its default. An empty text leaves it out; None makes it required.


class Rotation(NamedTuple):
    """How the vendor replaces a secret."""

    #: What becomes of the old secret: ``both`` if it is valid until you remove it, ``chosen`` if
    #: you choose the time when you make the new one, ``grace`` if it is valid for a fixed time,
    #: ``none`` if it becomes invalid at once, or ``unknown``.
    overlap: str = "unknown"
    grace: int | None = None  #: The fixed time in seconds, with ``grace`` alone.
    shown_once: bool = False  #: True if the vendor shows a new secret a single time.
    source: tuple[str, ...] = ()  #: The pages that describe it.


class Mac(NamedTuple):
    """A message authentication code."""

    algorithm: str  #: The hash: ``sha1``, ``sha256`` or ``sha512``.
    key: str  #: The encoding of the secret: ``text``, ``hex`` or ``base64``.
    #: ``hmac``, or ``suffix`` for a plain hash of the message followed by the secret.
    construction: str
    message: Template  #: The text that is signed.
    #: The encoding of the code: ``hex``, ``hex-upper``, ``base64`` or ``base64url`` (without
    #: padding).
    encoding: str
    siblings: Mapping[str, Template]  #: Further messages that are signed the same way, by name.


class Payload(NamedTuple):
    """Text or data that is encoded, signed in that form, and sent with the code."""

    #: ``json``, ``query``, ``query-percent`` (with spaces as ``%20`` and not ``+``) or ``text``.
    format: str
    encoding: str  #: ``none``, ``base64`` or ``base64url`` (without padding).
    content: Any  #: A structure of templates.


class Jwt(NamedTuple):
    """A JSON Web Token."""

    algorithm: str  #: ``HS256``, ``HS512``, ``RS256``, ``ES256`` or ``ES384``.
    header: Any  #: The entries of its header in addition to ``alg``; ``typ`` is ``JWT`` if absent.
    claims: Any  #: A structure of templates.
    one_of: tuple[str, ...]  #: The optional values of which a principal needs at least one.
    attributes: bool  #: True if the vendor accepts any further claims.
    exclusive: bool  #: True if the fields must not repeat the claims in clear.


class SchemeParts(NamedTuple):
    """All parts of a scheme. Either ``mac`` or ``jwt`` is set."""

    slug: str  #: The name of the scheme in code, such as ``cognito-flow``.
    name: str  #: The vendor's name for it.
    status: str  #: ``current`` or ``deprecated``.
    replacement: str  #: The vendor's replacement of a deprecated scheme.
    source: tuple[str, ...]  #: The pages and files that describe the scheme.
    read: date | None  #: The date on which they were read, or None.
    confidence: str  #: How certain the scheme is.
    #: The packages whose code makes the same tokens in our tests, such as ``npm ably``.
    compared_with: tuple[str, ...]
    unsure: str  #: The details that are not certain, or an empty text.
    notes: str  #: Advice for users.
    ambiguous: str  #: Why two principals may get the same signature, or an empty text.
    variable: str  #: The environment variable that holds the secret by convention.
    secret_is_chosen: bool  #: True if users choose the secret, False if the vendor issues it.
    #: Prefixes of other credentials, which are mistaken for the secret.
    refuse_prefixes: tuple[str, ...]
    environments: Mapping[str, tuple[str, ...]]  #: The prefixes of secrets, by environment.
    settings: Mapping[str, Setting]  #: The account's constants, by name.
    values: Mapping[str, ValueRule]  #: The vendor's rules for values, by name.
    lifetime: int | None  #: The default lifetime of a token in seconds; None: it does not expire.
    max_lifetime: int | None  #: The longest lifetime in seconds; None: not known.
    expires: bool  #: True if tokens can expire.
    payload: Payload | None  #: The payload, or None.
    mac: Mac | None  #: The message authentication code, or None.
    jwt: Jwt | None  #: The JSON Web Token, or None.
    token: Any  #: The template of the token, or a table of templates for JSON.
    header: str | None  #: The response header that carries the token, or None.
    #: The request header in which the vendor's front end sends the token, or None.
    request_header: str | None
    fields: Mapping[str, Any]  #: The fields for the front end, by the vendor's names.
    frontend: str  #: The JavaScript that hands over ``identity``, the fields.
    vectors: tuple[Vector, ...]  #: Examples.
    #: The values that the account never signs; see ``never_signed=``.
    never_signed: frozenset[str] = frozenset()
    #: Regular expressions of the vendor's secrets, if the vendor documents their form.
    shapes: tuple[str, ...] = ()
    rotation: Rotation = Rotation()  #: How the vendor replaces a secret.
    token_encoding: str = "none"  #: The encoding of the whole token: ``none`` or ``base64``.
    #: The number of the secret's first characters that tokens show, as ``{key_prefix}``, so that
    #: the vendor finds the key; 0: none.
    key_prefix: int = 0
    min_lifetime: int | None = None  #: The shortest lifetime in seconds; None: not known.

    def rule(self, name: str) -> ValueRule:
        """Return the vendor's rule for the value *name*."""
        return self.values.get(name, _NO_RULE)
