"""The parts of a scheme, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark.schemes._templates import (
    Template,
)

if TYPE_CHECKING:
    from countermark.schemes._templates import Template


#: The longest that a token may live, in seconds: a hundred years.
MAX_LIFETIME = 100 * 365 * 86400


#: The values of a principal that are texts.
PRINCIPAL_TEXTS = ("id", "email", "phone", "name")


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
