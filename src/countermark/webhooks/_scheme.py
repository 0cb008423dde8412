"""How a vendor proves that a webhook is its own.

A recipe is data. What it may say is written down here;
:mod:`countermark.webhooks._parser` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from countermark._redaction import guarded, shown
from countermark.errors import UnknownScheme
from countermark.webhooks._parts import Id, Secret, Signature, Timestamp, WebhookVector

if TYPE_CHECKING:
    from datetime import date
    from os import PathLike


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
        from countermark.webhooks._parser import read

        return cls(**read(data))

    @classmethod
    @guarded
    def from_toml(cls, path: str | PathLike[str]) -> WebhookScheme:
        """Build a scheme from a TOML file. Its name is the slug, unless the file gives one.

        Raises:
            InvalidScheme: As for ``from_mapping``, or it is not TOML.
            OSError: The file cannot be read.
        """
        from countermark.webhooks._parser import read_file

        return cls(**read_file(path))

    def __repr__(self) -> str:
        return f"<WebhookScheme {self.slug}>"


def webhook_scheme_slugs() -> list[str]:
    """Return the slugs of all webhook schemes that come with the package, sorted."""
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
    known = webhook_scheme_slugs()
    raise UnknownScheme(
        f"unknown webhook scheme {shown(slug, known)}; use one of {', '.join(known)}, or a"
        " WebhookScheme of your own"
    )
