"""Parses the tables of a scheme into its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countermark._http import TOKEN
from countermark.errors import InvalidScheme
from countermark.schemes._ambiguity import ambiguity
from countermark.schemes._checks import check_parts, signed_placeholders
from countermark.schemes._header_names import HEADER_FORM
from countermark.schemes._parts import MAX_LIFETIME, Jwt, Mac, Payload, SchemeParts, Setting, Vector
from countermark.schemes._rotation import parse_rotation
from countermark.schemes._tables import Fault, Table, raise_first, slug_of
from countermark.schemes._templates import Template
from countermark.schemes._value_tables import parse_rules

ALGORITHMS = ("sha1", "sha256", "sha512")
KEY_FORMS = ("text", "hex", "base64")
CONSTRUCTIONS = ("hmac", "suffix")
ENCODINGS = ("hex", "hex-upper", "base64", "base64url")
PAYLOAD_FORMATS = ("json", "query", "query-percent", "text")
PAYLOAD_ENCODINGS = ("none", "base64", "base64url")
TOKEN_ENCODINGS = ("none", "base64")
JWT_ALGORITHMS = ("HS256", "HS512", "RS256", "ES256", "ES384")
#: The most characters of a secret that tokens may show.
MOST_KEY_PREFIX = 8
STATUSES = ("current", "deprecated")
#: The entries of a header of a JWT that templates must not set.
RESERVED_ENTRIES = ("alg", "b64", "crit")


def parse(data: Mapping[str, Any], faults: list[Fault] | None = None) -> SchemeParts:
    """Return the parts of the scheme that *data* describes.

    Args:
        data: The tables and keys of a file, and a slug.
        faults: A list to which all mistakes in the structure are added.

    Raises:
        InvalidScheme: A key is missing, unknown or of the wrong type, or the parts
            contradict each other. The message names the key.
    """
    found: list[Fault] = [] if faults is None else faults
    top = Table("the scheme", data, found)
    raise_first(found)
    slug = slug_of(top, "scheme")
    if slug == "marker":  # the endpoint's JSON has a key of that name next to the slugs
        top.fault("slug: invalid name for a scheme, as it is reserved; choose another", "slug")
    try:
        declared = top.take("ambiguous", bool, default=False)
        parts = _parts(top, slug)
        raise_first(found)
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
    environments = secret.table("environments", is_open=True)
    _check_forms(top)
    mac, jwt = _mac(top), _jwt(top)
    token, token_encoding, header, request_header = _token(top, "jwt" if jwt else "mac")
    parts = SchemeParts(
        slug=slug,
        name=top.take("name", str, slug),
        status=top.choose("status", STATUSES, "current"),
        replacement=top.take("replacement", str, ""),
        source=top.texts("source"),
        read=top.day("read"),
        confidence=top.take("confidence", str, ""),
        compared_with=top.texts("compared_with"),
        unsure=top.take("unsure", str, ""),
        notes=top.take("notes", str, ""),
        ambiguous="",
        variable=secret.take("variable", str, ""),
        secret_is_chosen=secret.take("chosen", bool, default=False),
        refuse_prefixes=secret.texts("refuse_prefixes"),
        shapes=secret.texts("shapes"),
        rotation=parse_rotation(secret),
        key_prefix=_key_prefix(secret, is_mac=mac is not None),
        min_lifetime=top.whole("min_lifetime", 1, MAX_LIFETIME),
        environments={name: environments.texts(name) for name in list(environments.left)},
        settings={name: _setting(one) for name, one in top.table("settings").tables().items()},
        values=parse_rules(top.table("values")),
        lifetime=top.whole("lifetime", 1, MAX_LIFETIME),
        max_lifetime=top.whole("max_lifetime", 1, MAX_LIFETIME),
        expires=False,
        payload=_payload(top),
        mac=mac,
        jwt=jwt,
        token=token,
        token_encoding=token_encoding,
        header=header,
        request_header=request_header,
        fields=top.table("fields").all_templates(),
        frontend=top.take("frontend", str, ""),
        vectors=tuple(map(_vector, top.list_of_tables("vectors"))),
    )
    for table in (top, secret, environments):
        table.close()
    return parts


def _key_prefix(secret: Table, *, is_mac: bool) -> int:
    if secret.has("key_prefix") and not is_mac:
        del secret.left["key_prefix"]
        secret.fault("key_prefix is for [mac] alone; leave it out", "key_prefix")
    return secret.whole("key_prefix", 1, MOST_KEY_PREFIX) or 0


def _check_forms(top: Table) -> None:
    """Check that there is one of the two forms, and no table of the other."""
    if top.has("mac") == top.has("jwt"):
        top.fault("add one of [mac] and [jwt], and not both")
    for key in ("payload", "macs"):
        if top.has(key) and "mac" not in top.left:
            del top.left[key]
            top.fault(f"[{key}] is for [mac] alone; leave it out", key)


def _setting(table: Table) -> Setting:
    setting = Setting(table.take("variable", str), table.maybe("default", str))
    table.close()
    return setting


def _payload(top: Table) -> Payload | None:
    if not top.has("payload"):
        return None
    table = top.table("payload")
    given = table.left.get("format")
    kinds = (str,) if given == "text" else (dict,) if given in PAYLOAD_FORMATS else (str, dict)
    format = table.choose("format", PAYLOAD_FORMATS)
    encoding = table.choose("encoding", PAYLOAD_ENCODINGS)
    content = table.templates("content", *kinds)
    if format in {"query", "query-percent"}:
        _check_texts(table, "content", content)
    table.close()
    return Payload(format, encoding, content)


def _mac(top: Table) -> Mac | None:
    if not top.has("mac"):
        return None
    table, siblings = top.table("mac"), top.table("macs", is_open=True)
    mac = Mac(
        algorithm=table.choose("algorithm", ALGORITHMS),
        key=table.choose("key", KEY_FORMS, "text"),
        construction=table.choose("construction", CONSTRUCTIONS, "hmac"),
        message=table.templates("message", str),
        encoding=table.choose("encoding", ENCODINGS),
        siblings={name: siblings.templates(name, str) for name in siblings.names()},
    )
    table.close()
    if mac.construction == "suffix" and mac.key != "text":
        table.fault('construction = "suffix" needs key = "text"; change one of them', "key")
    return mac


def _jwt(top: Table) -> Jwt | None:
    if not top.has("jwt"):
        return None
    table = top.table("jwt")
    jwt = Jwt(
        algorithm=table.choose("algorithm", JWT_ALGORITHMS),
        header=table.templates("header", dict, default={}),
        claims=table.templates("claims", dict),
        one_of=table.texts("one_of"),
        attributes=table.take("attributes", bool, default=False),
        exclusive=table.take("exclusive", bool, default=False),
    )
    table.close()
    _check_texts(table, "header", jwt.header)
    for name in RESERVED_ENTRIES:
        if name in jwt.header:
            table.fault(f"header must not hold {name}; leave it out", "header", name)
    return jwt


def _check_texts(table: Table, key: str, entries: Mapping[str, Any]) -> None:
    for number, (name, value) in enumerate(entries.items(), 1):
        if not isinstance(value, Template):
            table.fault(f"{key}: entry {number} must be text", key, name)


def _token(top: Table, code: str) -> tuple[Any, str, str | None, str | None]:
    """Return the template of the token, its encoding, its response header and request header."""
    table = top.table("token")
    if code == "jwt" and table.left.get("encoding", "none") != "none":
        del table.left["encoding"]
        table.fault("encoding is for [mac] alone; leave it out", "encoding")
    encoding = table.choose("encoding", TOKEN_ENCODINGS, "none")
    template = table.templates("template", str, dict, default=f"{{{code}}}")
    literals = template.parts if isinstance(template, Template) else ()
    if not all(part.isascii() and part.isprintable() for part in literals if isinstance(part, str)):
        table.fault(
            "template may hold placeholders and visible ASCII characters; remove others", "template"
        )
    header, request_header = (
        table.matching(key, TOKEN, HEADER_FORM) for key in ("header", "request_header")
    )
    table.close()
    return template, encoding, header, request_header


def _vector(table: Table) -> Vector:
    settings = table.table("settings", is_open=True)
    vector = Vector(
        secret=table.take("secret", str),
        token=table.take("token", str),
        origin=table.take("origin", str),
        id=table.maybe("id", str),
        email=table.maybe("email", str),
        attributes=table.data("attributes", dict) or {},
        settings={name: settings.take(name, str) for name in list(settings.left)},
        now=table.take("now", int, 0),
        message=table.maybe("message", str),
    )
    table.close()
    return vector
