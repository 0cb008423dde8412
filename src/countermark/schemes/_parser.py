"""Parses the tables of a scheme into its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from countermark.errors import InvalidScheme
from countermark.schemes._ambiguity import ambiguity
from countermark.schemes._checks import check_parts, signed_placeholders
from countermark.schemes._formats import KINDS, TYPES
from countermark.schemes._header_names import header_name
from countermark.schemes._parts import Jwt, Mac, Payload, SchemeParts, Setting, Vector
from countermark.schemes._patterns import checked_portable_pattern
from countermark.schemes._rotation import parse_rotation
from countermark.schemes._tables import Table
from countermark.schemes._templates import Template, parse_all
from countermark.schemes._value_rules import ValueRule

ALGORITHMS = ("sha1", "sha256", "sha512")
KEY_FORMS = ("text", "hex", "base64")
CONSTRUCTIONS = ("hmac", "suffix")
ENCODINGS = ("hex", "hex-upper", "base64", "base64url")
PAYLOAD_FORMATS = ("json", "query", "query-percent", "text")
PAYLOAD_ENCODINGS = ("none", "base64", "base64url")
TOKEN_ENCODINGS = ("none", "base64")
JWT_ALGORITHMS = ("HS256", "HS512", "RS256", "ES256", "ES384")
CHARSETS = ("any", "ascii")
STATUSES = ("current", "deprecated")

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def parse(data: Mapping[str, Any]) -> SchemeParts:
    """Return the parts of the scheme that *data* describes.

    Raises:
        InvalidScheme: A key is missing, unknown or of the wrong type, or the parts
            contradict each other. The message names the key.
    """
    top = Table("the scheme", data)
    slug = top.left.pop("slug", None)
    # The endpoint's JSON has a key "marker" next to the slugs.
    if not isinstance(slug, str) or not _SLUG.fullmatch(slug) or slug == "marker":
        raise InvalidScheme(
            "slug: invalid name for a scheme; use lower-case letters, digits and hyphens"
        )
    top.where = f"scheme {slug}"
    try:
        declared = top.take("ambiguous", bool, default=False)
        parts = _parts(top, slug)
        check_parts(parts)
        return parts._replace(
            ambiguous=_declared(ambiguity(parts), top.where, declared=declared),
            expires=any({"expires", "lifetime"} & {*p.names} for p in signed_placeholders(parts)),
        )
    except RecursionError:
        raise InvalidScheme(
            f"{top.where}: its tables are nested too deep; write it flatter"
        ) from None


def _declared(reason: str, where: str, *, declared: bool) -> str:
    if reason and not declared:
        raise InvalidScheme(
            f"{where}: two principals could get the same signature: {reason}; change what is"
            " signed, or set `ambiguous = true` if the vendor leaves no choice"
        )
    if declared and not reason:
        raise InvalidScheme(
            f"{where}: ambiguous = true, but the scheme is not ambiguous; leave it out"
        )
    return reason


def _parts(top: Table, slug: str) -> SchemeParts:
    secret = top.table("secret")
    environments = secret.table("environments")
    mac, jwt = _mac(top), _jwt(top)
    token, token_encoding, header, request_header = _token(top, "jwt" if jwt else "mac")
    parts = SchemeParts(
        slug=slug,
        name=top.take("name", str, slug),
        status=top.choose("status", STATUSES, "current"),
        replacement=top.take("replacement", str, ""),
        source=top.texts("source"),
        read=top.maybe("read", date),
        confidence=top.take("confidence", str, ""),
        compared_with=top.texts("compared_with"),
        unsure=top.take("unsure", str, ""),
        notes=top.take("notes", str, ""),
        ambiguous="",
        variable=secret.take("variable", str, ""),
        secret_is_chosen=secret.take("chosen", bool, default=False),
        refuse_prefixes=secret.texts("refuse_prefixes"),
        shapes=_shapes(secret),
        rotation=parse_rotation(secret),
        key_prefix=secret.take("key_prefix", int, 0),
        min_lifetime=top.maybe("min_lifetime", int),
        environments={name: environments.texts(name) for name in list(environments.left)},
        settings={name: _setting(one) for name, one in top.table("settings").tables().items()},
        values={name: _rule(one) for name, one in top.table("values").tables().items()},
        lifetime=top.maybe("lifetime", int),
        max_lifetime=top.maybe("max_lifetime", int),
        expires=False,
        payload=_payload(top),
        mac=mac,
        jwt=jwt,
        token=token,
        token_encoding=token_encoding,
        header=header,
        request_header=request_header,
        fields=parse_all(top.take("fields", dict, {}), f"{top.where}: [fields]"),
        frontend=top.take("frontend", str, ""),
        vectors=tuple(
            _vector(Table(f"{top.where}: [[vectors]]", item))
            for item in top.take("vectors", list, [])
        ),
    )
    for table in (top, secret, environments):
        table.close()
    return parts


def _shapes(secret: Table) -> tuple[str, ...]:
    """Return the shapes. One that matches the empty text would match everywhere."""
    where = f"{secret.where}: an entry of shapes"
    shapes = tuple(checked_portable_pattern(each, where) for each in secret.texts("shapes"))
    if any(re.match(shape, "") for shape in shapes):
        raise InvalidScheme(f"{where} matches the empty text; describe the whole secret")
    return shapes


def _setting(table: Table) -> Setting:
    setting = Setting(table.take("variable", str), table.maybe("default", str))
    table.close()
    return setting


def _rule(table: Table) -> ValueRule:
    kind = table.choose("kind", KINDS[:5], "text")
    pattern = table.maybe("pattern", str)
    rule = ValueRule(
        kind=kind,
        default=table.maybe("default", TYPES[kind]),
        charset=table.choose("charset", CHARSETS, "any"),
        lower=table.take("lower", bool, default=False),
        refuse_prefixes=table.texts("refuse_prefixes"),
        refuse_containing=table.texts("refuse_containing"),
        apart_from=table.texts("apart_from"),
        id_at=table.take("id_at", str, ""),
        patterns=() if pattern is None else (pattern,),
    )
    table.close()
    return rule


def _payload(top: Table) -> Payload | None:
    if "payload" not in top.left:
        return None
    table = top.table("payload")
    format = table.choose("format", PAYLOAD_FORMATS)
    encoding = table.choose("encoding", PAYLOAD_ENCODINGS)
    content: Any = table.take("content", str if format == "text" else dict)
    table.close()
    return Payload(format, encoding, parse_all(content, f"{table.where}: content"))


def _mac(top: Table) -> Mac | None:
    if "mac" not in top.left:
        return None
    table, siblings = top.table("mac"), top.table("macs")
    mac = Mac(
        algorithm=table.choose("algorithm", ALGORITHMS),
        key=table.choose("key", KEY_FORMS, "text"),
        construction=table.choose("construction", CONSTRUCTIONS, "hmac"),
        message=Template.parse(table.take("message", str), f"{table.where}: message"),
        encoding=table.choose("encoding", ENCODINGS),
        siblings={
            name: Template.parse(siblings.take(name, str), f"{siblings.where}: {name}")
            for name in list(siblings.left)
        },
    )
    table.close()
    return mac


def _jwt(top: Table) -> Jwt | None:
    if "jwt" not in top.left:
        return None
    table = top.table("jwt")
    jwt = Jwt(
        algorithm=table.choose("algorithm", JWT_ALGORITHMS),
        header=parse_all(table.take("header", dict, {}), f"{table.where}: header"),
        claims=parse_all(table.take("claims", dict), f"{table.where}: claims"),
        one_of=table.texts("one_of"),
        attributes=table.take("attributes", bool, default=False),
        exclusive=table.take("exclusive", bool, default=False),
    )
    table.close()
    return jwt


def _token(top: Table, code: str) -> tuple[Any, str, str | None, str | None]:
    """Return the template of the token, its encoding, its response header and request header."""
    table = top.table("token")
    where = f"{table.where}: template"
    template = table.left.pop("template", f"{{{code}}}")
    if not isinstance(template, str):
        template = Table(where, template).left
    encoding = table.choose("encoding", TOKEN_ENCODINGS, "none")
    header, request_header = _header(table, "header"), _header(table, "request_header")
    table.close()
    return parse_all(template, where), encoding, header, request_header


def _header(table: Table, key: str) -> str | None:
    name = table.maybe(key, str)
    return None if name is None else header_name(name, f"{table.where}: {key}", InvalidScheme)


def _vector(table: Table) -> Vector:
    vector = Vector(
        secret=table.take("secret", str),
        token=table.take("token", str),
        origin=table.take("origin", str),
        id=table.maybe("id", str),
        email=table.maybe("email", str),
        attributes=table.take("attributes", dict, {}),
        settings=table.take("settings", dict, {}),
        now=table.take("now", int, 0),
        message=table.maybe("message", str),
    )
    table.close()
    return vector
