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

_NO_RULE = ValueRule()


class Vector(NamedTuple):
    """An example of a scheme: the input, and the token that it gives.

    Attributes:
        secret: The secret.
        token: The token; with *message*, its MAC.
        origin: Where the example was published.
        id: The principal's id.
        email: The principal's e-mail address.
        attributes: The principal's attributes.
        settings: The account's constants.
        now: The time, in seconds since the epoch.
        message: The exact text under the MAC, if the vendor's example covers the MAC alone.
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
    """A constant of the user's account, such as an app id, in a token or a field.

    Attributes:
        variable: The environment variable that holds it by convention.
        default: Its default. An empty text leaves it out; None makes it required.
    """

    variable: str
    default: str | None


class Mac(NamedTuple):
    """A message authentication code.

    Attributes:
        algorithm: The hash: ``sha1``, ``sha256`` or ``sha512``.
        key: The encoding of the secret: ``text``, ``hex`` or ``base64``.
        construction: ``hmac``, or ``suffix`` for a plain hash of the message followed by
            the secret.
        message: The text that is signed.
        encoding: The encoding of the code: ``hex``, ``hex-upper``, ``base64`` or
            ``base64url`` (without padding).
        siblings: Further messages that are signed the same way, by name.
    """

    algorithm: str
    key: str
    construction: str
    message: Template
    encoding: str
    siblings: Mapping[str, Template]


class Payload(NamedTuple):
    """Text or data that is encoded, signed in that form, and sent with the code.

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
        header: The entries of its header in addition to ``alg`` and ``typ``.
        claims: A structure of templates.
        one_of: The optional values of which a principal needs at least one.
        attributes: True if the vendor accepts any further claims.
        exclusive: True if the fields must not repeat the claims in clear.
    """

    algorithm: str
    header: Any
    claims: Any
    one_of: tuple[str, ...]
    attributes: bool
    exclusive: bool


class SchemeParts(NamedTuple):
    """All parts of a scheme. Either ``mac`` or ``jwt`` is set.

    Attributes:
        slug: The name of the scheme in code, such as ``cognito-flow``.
        name: The vendor's name for it.
        status: ``current`` or ``deprecated``.
        replacement: The vendor's replacement of a deprecated scheme.
        source: The pages and files that describe the scheme.
        read: The date on which they were read, or None.
        confidence: How certain the scheme is.
        unsure: The details that are not certain, or an empty text.
        notes: Advice for users.
        ambiguous: Why two principals may get the same signature, or an empty text.
        variable: The environment variable that holds the secret by convention.
        refuse_prefixes: Prefixes of other credentials, which are mistaken for the secret.
        environments: The prefixes of secrets, by environment.
        settings: The account's constants, by name.
        values: The vendor's rules for values, by name.
        lifetime: The default lifetime of a token in seconds; None: it does not expire.
        max_lifetime: The longest lifetime in seconds; None: not known.
        expires: True if tokens can expire.
        payload: The payload, or None.
        mac: The message authentication code, or None.
        jwt: The JSON Web Token, or None.
        token: The template of the token, or a table of templates for JSON.
        header: The response header that carries the token, or None.
        request_header: The request header in which the vendor's front end sends the
            token, or None.
        fields: The fields for the front end, by the vendor's names.
        frontend: The JavaScript that hands over ``identity``, the fields.
        vectors: Examples.
        never_signed: The values that the account never signs; see ``never_signed=``.
    """

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
    never_signed: frozenset[str] = frozenset()

    def rule(self, name: str) -> ValueRule:
        """Return the vendor's rule for the value *name*."""
        return self.values.get(name, _NO_RULE)
