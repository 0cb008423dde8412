"""A vendor's recipe, read from its TOML file and checked.

A recipe is data: which hash over which text, how the token is spelled, what
the front end calls its fields, and examples that prove it. What the data may
say is written down in :class:`Scheme`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, TypeVar

from countermark.errors import InvalidScheme, UnknownScheme

ALGORITHMS = ("sha1", "sha256", "sha512")
ENCODINGS = ("hex", "base64")
CHARSETS = ("any", "ascii")
STATUSES = ("current", "deprecated")

T = TypeVar("T")

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Headers that mean something to browsers, caches or servers.
_RESERVED_HEADERS = frozenset(
    {
        "clear-site-data",
        "connection",
        "content-encoding",
        "content-length",
        "content-security-policy",
        "content-type",
        "cookie",
        "date",
        "etag",
        "expires",
        "keep-alive",
        "last-modified",
        "link",
        "location",
        "refresh",
        "server",
        "set-cookie",
        "strict-transport-security",
        "surrogate-control",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "via",
        "www-authenticate",
    }
)


@dataclass(frozen=True, slots=True)
class Vector:
    """An example of a recipe: *secret* and *id* give *token*.

    Attributes:
        origin: Who vouches for it.
    """

    secret: str
    id: str
    token: str
    origin: str


@dataclass(frozen=True, slots=True)
class IdRule:
    """What a vendor refuses in an id, beyond what no id may hold.

    Attributes:
        charset: ``any`` text, or ``ascii`` for its printable characters alone.
        refuse_prefixes: What an id must not begin with.
        refuse_containing: What must not occur in it.
        patterns: Regular expressions, each of which all of it must match.
    """

    charset: str = "any"
    refuse_prefixes: tuple[str, ...] = ()
    refuse_containing: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def allows(self, text: str) -> bool:
        """Tell whether *text*, already known to be fit in general, may be signed."""
        return (
            (self.charset == "any" or text.isascii())
            and not text.startswith(self.refuse_prefixes)
            and not any(part in text for part in self.refuse_containing)
            and all(re.fullmatch(pattern, text) for pattern in self.patterns)
        )


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one vendor wants an identity to be signed.

    Attributes:
        slug: The name of the recipe in code, such as ``cognito-flow``.
        name: What the vendor calls it.
        status: ``current`` or ``deprecated``.
        replacement: What the vendor offers instead of a deprecated scheme.
        source: Where the recipe was read.
        read: When it was read.
        confidence: How sure the recipe is.
        notes: What a user should know.
        variable: The environment variable that holds the secret by convention.
        refuse_prefixes: How values begin that are handed out beside the secret
            and mistaken for it.
        environments: How secrets begin, by environment.
        algorithm: The hash of the HMAC.
        encoding: How the MAC is written: ``hex`` (lower case) or ``base64``
            (standard alphabet, padded).
        token: The token, with ``{id}`` and ``{mac}`` in it.
        header: The response header that carries the token.
        id_rule: What ids the vendor refuses.
        fields: What the front end hands over, by the vendor's names; a value is
            ``{id}``, ``{token}`` or text.
        vectors: Examples.
    """

    slug: str
    name: str
    status: str
    replacement: str
    source: tuple[str, ...]
    read: date
    confidence: str
    notes: str
    variable: str
    refuse_prefixes: tuple[str, ...]
    environments: Mapping[str, tuple[str, ...]]
    algorithm: str
    encoding: str
    token: str
    header: str
    id_rule: IdRule
    fields: Mapping[str, str]
    vectors: tuple[Vector, ...]

    @classmethod
    def load(cls, slug: str) -> Scheme:
        """Return the scheme *slug* of the catalogue.

        Raises:
            UnknownScheme: There is none of that name.
        """
        return _load(slug)

    @classmethod
    def from_mapping(cls, slug: str, data: dict[str, Any]) -> Scheme:
        """Build a scheme from what a TOML file of the catalogue holds.

        Raises:
            InvalidScheme: A key is missing, unknown or of the wrong kind. The
                message names it.
        """
        if not _SLUG.fullmatch(slug):
            raise InvalidScheme(f"{slug!r} is no name for a scheme; use lower case and hyphens")
        return _scheme(slug, _Table(f"scheme {slug}", data))


def catalogue() -> list[str]:
    """Return the slugs of all schemes that come with the package, sorted."""
    return sorted(path.name.removesuffix(".toml") for path in _files())


def _files() -> Iterator[Any]:
    # Imported late: neither belongs into the price of `import countermark`.
    from importlib.resources import files

    return (
        path for path in (files("countermark") / "schemes").iterdir() if path.name.endswith(".toml")
    )


@cache
def _load(slug: str) -> Scheme:
    import tomllib

    for path in _files():
        if path.name == f"{slug}.toml":
            return Scheme.from_mapping(slug, tomllib.loads(path.read_text(encoding="utf-8")))
    # A long name may be a secret in the wrong place: not to be repeated.
    given = repr(slug) if len(slug) <= 24 else "that"
    raise UnknownScheme(f"no scheme is called {given}; there are {', '.join(catalogue())}")


def header_name(name: object, where: str) -> str:
    """Return *name* if a token may travel in a response header of that name.

    Raises:
        InvalidScheme: It is no header name, or one with a meaning of its own;
            the message begins with *where*.
    """
    if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
        raise InvalidScheme(f"{where}: {name!r} is not a header name")
    lowered = name.lower()
    if (
        lowered in _RESERVED_HEADERS
        or lowered.startswith(("access-control-", "x-accel-"))
        or lowered.endswith("cache-control")
    ):
        raise InvalidScheme(f"{where}: {name!r} has a meaning of its own; choose another")
    return name


class _Table:
    """A TOML table whose keys are taken one by one, so that unknown ones are left over."""

    def __init__(self, where: str, data: object) -> None:
        if not isinstance(data, dict):
            raise InvalidScheme(f"{where}: expected a table")
        self.where = where
        self.left = dict(data)

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        value = self.left.pop(key, default)
        if value is None:
            raise InvalidScheme(f"{self.where}: {key} is missing")
        if not isinstance(value, kind):
            raise InvalidScheme(f"{self.where}: {key} must be of type {kind.__name__}")
        return value

    def choose(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.take(key, str, default)
        if value not in choices:
            raise InvalidScheme(f"{self.where}: {key} must be one of {', '.join(choices)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, [])
        if not all(isinstance(value, str) and value for value in values):
            raise InvalidScheme(f"{self.where}: {key} must be a list of texts")
        return tuple(values)

    def table(self, key: str, default: dict[str, Any] | None = None) -> _Table:
        return _Table(f"{self.where}: [{key}]", self.take(key, dict, default))

    def close(self) -> None:
        if self.left:
            raise InvalidScheme(f"{self.where}: unknown key {min(self.left)}")


def _scheme(slug: str, top: _Table) -> Scheme:
    secret, mac, token = top.table("secret"), top.table("mac"), top.table("token")
    environments = secret.table("environments", {})
    id_rule, fields = top.table("id", {}), top.table("fields")
    mac.choose("message", ("{id}",))
    scheme = Scheme(
        slug=slug,
        name=top.take("name", str),
        status=top.choose("status", STATUSES),
        replacement=top.take("replacement", str, ""),
        source=top.texts("source"),
        read=top.take("read", date),
        confidence=top.take("confidence", str),
        notes=top.take("notes", str, ""),
        variable=secret.take("variable", str),
        refuse_prefixes=secret.texts("refuse_prefixes"),
        environments={name: environments.texts(name) for name in list(environments.left)},
        algorithm=mac.choose("algorithm", ALGORITHMS),
        encoding=mac.choose("encoding", ENCODINGS),
        token=_token(token),
        header=header_name(token.take("header", str), f"{token.where}: header"),
        id_rule=_id_rule(id_rule),
        fields={name: fields.take(name, str) for name in list(fields.left)},
        vectors=tuple(_vector(_Table(top.where, item)) for item in top.take("vectors", list, [])),
    )
    for table in (top, secret, environments, mac, token, id_rule, fields):
        table.close()
    return scheme


def _token(table: _Table) -> str:
    template = table.take("template", str)
    if template.count("{mac}") != 1 or template.count("{id}") > 1:
        raise InvalidScheme(f"{table.where}: template needs one {{mac}} and at most one {{id}}")
    if template.find("{id}") > template.find("{mac}"):
        raise InvalidScheme(f"{table.where}: template must have {{id}} before {{mac}}")
    literal = template.replace("{mac}", "").replace("{id}", "")
    if not literal.isascii() or not literal.isprintable() or set("{}") & set(literal):
        raise InvalidScheme(
            f"{table.where}: template may hold {{id}}, {{mac}} and visible ASCII characters"
        )
    return template


def _id_rule(table: _Table) -> IdRule:
    pattern = table.take("pattern", str, "")
    patterns = (checked_pattern(pattern, f"{table.where}: pattern"),) if pattern else ()
    return IdRule(
        charset=table.choose("charset", CHARSETS, "any"),
        refuse_prefixes=table.texts("refuse_prefixes"),
        refuse_containing=table.texts("refuse_containing"),
        patterns=patterns,
    )


def checked_pattern(pattern: object, where: str) -> str:
    """Return *pattern* if it is a regular expression.

    Raises:
        InvalidScheme: It is none; the message begins with *where*.
    """
    if not isinstance(pattern, str):
        raise InvalidScheme(f"{where} must be a str, not {type(pattern).__name__}")
    try:
        re.compile(pattern)
    except re.error as error:
        raise InvalidScheme(f"{where} is no regular expression: {error}") from None
    return pattern


def _vector(table: _Table) -> Vector:
    vector = Vector(
        table.take("secret", str),
        table.take("id", str),
        table.take("token", str),
        table.take("origin", str),
    )
    table.close()
    return vector
