"""A scheme: what is signed, how the token is encoded, and what is sent with it.

A scheme is data. :class:`SchemeParts` describes it, :mod:`countermark.schemes._parser` parses
it, and :mod:`countermark.tokens` makes tokens of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from countermark._redaction import guarded
from countermark.errors import UnknownScheme
from countermark.schemes._parts import PRINCIPAL_TEXTS, SchemeParts
from countermark.schemes._templates import Template, map_templates, names_in

if TYPE_CHECKING:
    from os import PathLike


class Scheme(SchemeParts):
    """How a vendor expects an identity to be signed. A scheme cannot be changed."""

    __slots__ = ()

    @classmethod
    @guarded
    def load(cls, slug: str) -> Scheme:
        """Return the scheme *slug* of the catalogue.

        Raises:
            UnknownScheme: The catalogue has no scheme of that name.
        """
        given: object = slug
        if not isinstance(given, str):
            raise UnknownScheme("the name of a scheme must be a text such as 'stigg'")
        return _load(slug)

    @classmethod
    @guarded
    def from_mapping(cls, data: Mapping[str, Any]) -> Scheme:
        """Build a scheme from a mapping: its tables and keys, and its ``slug``.

        Raises:
            InvalidScheme: A key is missing, unknown or of the wrong type, or two
                contradict each other. The message names them.
        """
        from countermark.schemes._parser import parse

        return cls._make(parse(data))

    @classmethod
    @guarded
    def from_toml(cls, path: str | PathLike[str]) -> Scheme:
        """Build a scheme from a TOML file. The default of ``slug`` is the name of the file.

        Raises:
            InvalidScheme: As for ``from_mapping``, or the file is not TOML.
            OSError: The file cannot be read.
        """
        from countermark.schemes._files import read_toml_file
        from countermark.schemes._parser import parse

        return cls._make(parse(read_toml_file(path, "scheme")))

    @property
    def signs_principal(self) -> bool:
        """True if the claims of a JWT hold a value of the principal."""
        return self.jwt is not None and not names_in(self.jwt.claims).isdisjoint(
            {*PRINCIPAL_TEXTS, *self.values}
        )

    def __hash__(self) -> int:
        return hash(self.slug)  # the other parts are not hashable

    def __repr__(self) -> str:
        return f"<Scheme {self.slug}>"


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
    return scheme._replace(payload=payload, mac=mac, jwt=jwt, token=token, fields=fields)


@cache
def _load(slug: str) -> Scheme:
    from countermark.schemes._catalogue import read_scheme
    from countermark.schemes._files import read_toml
    from countermark.schemes._parser import parse

    return Scheme._make(parse(read_toml(read_scheme(slug), slug, "scheme")))
