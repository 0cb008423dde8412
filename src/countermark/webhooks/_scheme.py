"""Webhook schemes: how a vendor signs its webhooks, as data.

:mod:`countermark.webhooks._parser` parses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark._redaction import guarded, shown
from countermark.errors import UnknownScheme
from countermark.webhooks._challenge import Challenge
from countermark.webhooks._parts import (
    Id,
    Secret,
    Signature,
    SignatureHeader,
    Timestamp,
    WebhookVector,
)

if TYPE_CHECKING:
    from datetime import date
    from os import PathLike


class WebhookScheme(NamedTuple):
    """The way in which a vendor signs webhooks.

    Attributes:
        slug: The name in the catalogue.
        name: The name for people.
        source: The pages that document the scheme.
        read: The date on which they were read.
        confidence: The certainty of the scheme.
        compared_with: The packages whose code gives the same answers in our tests.
        notes: Notes for users.
        secret: The form of the secrets.
        signature: The proof of a delivery.
        id: The place of the delivery id, or None.
        timestamp: The place of the signed time, or None.
        challenge: The verification request of a URL, or None.
        vectors: Examples.
    """

    slug: str
    name: str
    source: tuple[str, ...]
    read: date | None
    confidence: str
    compared_with: tuple[str, ...]
    notes: str
    secret: Secret
    signature: Signature
    id: Id | None
    timestamp: Timestamp | None
    challenge: Challenge | None
    vectors: tuple[WebhookVector, ...]

    @property
    def token_variable(self) -> str:
        """The variable that conventionally holds the verify token; "" if the vendor has none."""
        token = self.challenge.token if self.challenge else None
        return token.variable if token else ""

    @classmethod
    @guarded
    def load(cls, slug: str) -> WebhookScheme:
        """Return a scheme of the catalogue.

        Raises:
            UnknownScheme: The catalogue has no scheme of that name.
        """
        given: object = slug
        if not isinstance(given, str):
            raise UnknownScheme("the name of a webhook scheme must be a text such as 'stigg'")
        return _load(slug)

    @classmethod
    @guarded
    def from_mapping(cls, data: Mapping[str, Any]) -> WebhookScheme:
        """Build a scheme from a mapping: the tables and keys of a file, and a ``slug``.

        Raises:
            InvalidScheme: A key is missing, unknown or of the wrong type, or two
                contradict each other. The message names them.
        """
        from countermark.webhooks._parser import read

        return cls(**read(data))

    @classmethod
    @guarded
    def from_toml(cls, path: str | PathLike[str]) -> WebhookScheme:
        """Build a scheme from a TOML file. The name of the file is the slug, unless it gives one.

        Raises:
            InvalidScheme: As for ``from_mapping``, or the file is not TOML.
            OSError: The file cannot be read.
        """
        from countermark.webhooks._parser import read_file

        return cls(**read_file(path))

    @property
    def has_public_key(self) -> bool:
        """True if a public key of the vendor verifies deliveries, and not a shared secret."""
        return isinstance(self.signature, SignatureHeader) and self.signature.has_public_key

    @property
    def signing_variable(self) -> str:
        """The environment variable of the key that signs: the secret or a private key; or ""."""
        return self.secret.private_variable if self.has_public_key else self.secret.variable

    def __repr__(self) -> str:
        return f"<WebhookScheme {self.slug}>"


def webhook_scheme_slugs() -> list[str]:
    """Return the sorted slugs of the catalogue."""
    return sorted(_files())


def _files() -> dict[str, Any]:
    from importlib.resources import files  # late, as it is slow to import

    folder = files("countermark") / "webhooks" / "catalogue"
    names = {path.name: path for path in folder.iterdir()}
    return {name.removesuffix(".toml"): names[name] for name in names if name.endswith(".toml")}


@cache
def _load(slug: str) -> WebhookScheme:
    from countermark.webhooks._parser import parse

    found = _files()
    if slug in found:
        return WebhookScheme(**parse(found[slug].read_text(encoding="utf-8"), slug))
    from countermark.schemes._similar_names import suggestion  # late, as only mistakes need it

    texts = {known: found[known].read_text(encoding="utf-8") for known in webhook_scheme_slugs()}
    raise UnknownScheme(
        f"unknown webhook scheme {shown(slug, texts)}; {suggestion(slug, texts)}`countermark"
        " schemes` lists all"
    )
