"""How a vendor proves that a webhook is its own.

A recipe is data. What it may say is written down here;
:mod:`countermark.webhooks.recipe` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from countermark.errors import UnknownScheme
from countermark.showing import guarded, shown

if TYPE_CHECKING:
    from datetime import date
    from os import PathLike

    from countermark.template import Placeholder


class Secret(NamedTuple):
    """What the vendor's secrets look like.

    Attributes:
        variable: The environment variable that holds it by convention, or "".
        key_id_variable: The variable with the id under which the vendor names the key.
        form: What it is written in: ``text``, ``hex`` or ``base64``.
        prefix: What may stand before it, and is no part of it.
        least: The bytes it has at least; fewer are warned of.
        most: The bytes it has at most, or None.
        refuse_prefixes: How texts begin that are taken for it by mistake.
    """

    variable: str
    key_id_variable: str
    form: str
    prefix: str
    least: int
    most: int | None
    refuse_prefixes: tuple[str, ...]


class SecretHeader(NamedTuple):
    """The secret itself, in the header *header*. It proves nothing of the body."""

    header: str


class SignatureHeader(NamedTuple):
    """A MAC in a header.

    Attributes:
        header: The header, in lower case.
        algorithm: The hash: ``sha1``, ``sha256`` or ``sha512``.
        encoding: ``hex`` or ``base64``.
        prefix: What stands before the MAC.
        separator: What stands between several; "": there is one. Of several, those
            with another prefix are of another version and do not count.
        message: What the MAC is over: text, and ``{id}``, ``{timestamp}`` and ``{body}``.
    """

    header: str
    algorithm: str
    encoding: str
    prefix: str
    separator: str
    message: tuple[str | Placeholder, ...]


class HttpSignature(NamedTuple):
    """A signature of draft-cavage-http-signatures, in ``Authorization``.

    Attributes:
        algorithm: ``hmac-sha256`` or ``hmac-sha512``.
        covers: What must be signed, at least.
    """

    algorithm: str
    covers: tuple[str, ...]


Signature: TypeAlias = "SecretHeader | SignatureHeader | HttpSignature"


class Id(NamedTuple):
    """Where the id of a delivery is: in the header *header*, or in JSON, at the name *body*."""

    header: str
    body: str


class Timestamp(NamedTuple):
    """When a delivery was signed.

    Attributes:
        header: The header, in lower case.
        tolerance: How many seconds it may be before or after the time it is received.
    """

    header: str
    tolerance: int


class WebhookVector(NamedTuple):
    """An example of a delivery.

    Attributes:
        secret: The secret.
        key_id: The id under which the vendor names the key, or "".
        headers: The headers.
        body: The body, which is text.
        method: The method.
        path: The path and the query.
        now: When it is received, in seconds since the epoch.
        delivery_id: The id of the delivery, or None.
        origin: Who vouches for it.
    """

    secret: str
    key_id: str
    headers: Mapping[str, str]
    body: str
    method: str
    path: str
    now: int
    delivery_id: str | None
    origin: str


class WebhookScheme(NamedTuple):
    """A vendor's recipe for webhooks.

    Attributes:
        slug: Its name in the catalogue.
        name: Its name for people.
        source: Where the vendor says so.
        read: When that was read.
        confidence: How sure it is.
        notes: What to know before one uses it.
        secret: What the secrets look like.
        signature: What proves a delivery.
        id: Where the id of a delivery is, or None.
        timestamp: When it was signed; None: that is not signed.
        vectors: Examples.
    """

    slug: str
    name: str
    source: tuple[str, ...]
    read: date | None
    confidence: str
    notes: str
    secret: Secret
    signature: Signature
    id: Id | None
    timestamp: Timestamp | None
    vectors: tuple[WebhookVector, ...]

    @classmethod
    @guarded
    def load(cls, slug: str) -> WebhookScheme:
        """Return the scheme *slug* that comes with the package.

        Raises:
            UnknownScheme: There is none of that name.
        """
        given: object = slug
        if not isinstance(given, str):
            raise UnknownScheme("the name of a webhook scheme must be a text such as 'stigg'")
        return _load(slug)

    @classmethod
    @guarded
    def from_mapping(cls, data: Mapping[str, Any]) -> WebhookScheme:
        """Build a scheme from a mapping: a recipe's tables and keys, and its ``slug``.

        Raises:
            InvalidScheme: A key is missing, unknown or of the wrong kind, or two
                contradict each other. The message names them.
        """
        from countermark.webhooks.recipe import read

        return read(data)

    @classmethod
    @guarded
    def from_toml(cls, path: str | PathLike[str]) -> WebhookScheme:
        """Build a scheme from a TOML file. Its name is the slug, unless the file gives one.

        Raises:
            InvalidScheme: As for ``from_mapping``, or it is not TOML.
            OSError: The file cannot be read.
        """
        from countermark.webhooks.recipe import read_file

        return read_file(path)

    def __repr__(self) -> str:
        return f"<WebhookScheme {self.slug}>"


def webhook_schemes() -> list[str]:
    """Return the slugs of all webhook schemes that come with the package, sorted."""
    return sorted(_recipes())


def _recipes() -> dict[str, Any]:
    from importlib.resources import files  # late, as it is slow to import

    folder = files("countermark") / "webhooks" / "recipes"
    names = {path.name: path for path in folder.iterdir()}
    return {name.removesuffix(".toml"): names[name] for name in names if name.endswith(".toml")}


@cache
def _load(slug: str) -> WebhookScheme:
    from countermark.webhooks.recipe import parse

    recipes = _recipes()
    if slug in recipes:
        return parse(recipes[slug].read_text(encoding="utf-8"), slug)
    known = webhook_schemes()
    raise UnknownScheme(
        f"unknown webhook scheme {shown(slug, known)}; use one of {', '.join(known)}, or a"
        " WebhookScheme of your own"
    )
