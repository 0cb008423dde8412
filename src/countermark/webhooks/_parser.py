"""Parses a webhook scheme from TOML and checks it key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from os import PathLike
from typing import Any

from countermark._http import REQUEST_HEADER
from countermark.errors import InvalidScheme
from countermark.schemes._files import read_toml, read_toml_file
from countermark.schemes._tables import Table
from countermark.webhooks import _times as times
from countermark.webhooks._challenge_parser import read_challenge
from countermark.webhooks._messages import parse_members, parse_message
from countermark.webhooks._parts import (
    MAX_TOLERANCE,
    PUBLIC_KEY_ALGORITHMS,
    HttpSignature,
    Id,
    Secret,
    SecretHeader,
    Signature,
    SignatureHeader,
    SignatureMember,
    Timestamp,
    Url,
    WebhookVector,
)
from countermark.webhooks._scheme_checks import check_key_form, check_parts
from countermark.webhooks._url_parser import read_url

KINDS = ("secret", "hmac", "body-hmac", "public-key", "http-signature")
FORMS = ("text", "hex", "base64")
PUBLIC_KEY_FORMS = ("pem", "spki", "hex", "base64")
ALGORITHMS = ("sha1", "sha256", "sha512")
HTTP_ALGORITHMS = ("hmac-sha256", "hmac-sha512")
ENCODINGS = ("hex", "base64")
#: The parts that an HTTP signature must cover; otherwise it is valid for other requests too.
COVERS = ("(request-target)", "date", "digest")

_SLUG = r"[a-z0-9]+(-[a-z0-9]+)*"


def read_file(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the arguments of a ``WebhookScheme`` from the TOML file at *path*."""
    return read(read_toml_file(path, "webhook scheme"))


def parse(text: str, slug: str) -> dict[str, Any]:
    """Return the arguments of a ``WebhookScheme`` from a TOML text; *slug* is the default name."""
    return read(read_toml(text, slug, "webhook scheme"))


def read(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the ``WebhookScheme`` that *data* describes.

    Raises:
        InvalidScheme: The scheme contradicts itself; the message names the key.
    """
    top = Table("the scheme", data)
    slug = top.left.pop("slug", None)
    if not isinstance(slug, str) or not re.fullmatch(_SLUG, slug):
        raise InvalidScheme(
            "slug: invalid name for a scheme; use lower-case letters, digits and hyphens"
        )
    top.where = f"webhook scheme {slug}"
    kind = top.choose("kind", KINDS)
    timestamp = _timestamp(top, kind) if "timestamp" in top.left else None
    url = read_url(top)
    is_dated = timestamp is not None and timestamp.form.startswith("rfc3339")
    signature = _signature(kind, top.table("signature"), url, is_dated=is_dated)
    arguments: dict[str, Any] = {
        "slug": slug,
        "name": top.take("name", str, slug),
        "source": top.texts("source"),
        "read": top.maybe("read", date),
        "confidence": top.take("confidence", str, ""),
        "compared_with": top.texts("compared_with"),
        "notes": top.take("notes", str, ""),
        "secret": _secret(top.table("secret"), kind),
        "signature": signature,
        "id": _id(top.table("id")) if "id" in top.left else None,
        "timestamp": timestamp,
        "challenge": (
            read_challenge(top.table("challenge"), signature) if "challenge" in top.left else None
        ),
        "vectors": tuple(
            _vector(Table(f"{top.where}: [[vectors]]", item))
            for item in top.take("vectors", list, [])
        ),
    }
    top.close()
    check_parts(signature, url, arguments["id"], timestamp, top.where)
    check_key_form(signature, arguments["secret"], top.where)
    return arguments


def _signature(kind: str, table: Table, url: Url, *, is_dated: bool) -> Signature:
    signature: Signature
    if kind == "secret":
        signature = SecretHeader(_header(table))
    elif kind == "body-hmac":
        signature = SignatureMember(
            member=table.take("member", str),
            algorithm=table.choose("algorithm", ALGORITHMS),
            encoding=table.choose("encoding", ENCODINGS),
            between=parse_members(table.take("message", str), f"{table.where}: message"),
        )
    elif kind == "http-signature":
        signature = HttpSignature(table.choose("algorithm", HTTP_ALGORITHMS), table.texts("covers"))
        if not {*COVERS} <= {*signature.covers}:
            raise InvalidScheme(
                f"{table.where}: covers must hold {', '.join(COVERS)}; add what is missing"
            )
        for name in {*signature.covers} - {*COVERS}:
            if not re.fullmatch(REQUEST_HEADER, name) or name != name.lower():
                raise InvalidScheme(
                    f"{table.where}: covers: an entry is not the name of a header in lower case;"
                    " write it as x-name"
                )
    else:
        is_json = table.take("json_body", bool, default=False)
        is_ambiguous = table.take("ambiguous", bool, default=False)
        signature = SignatureHeader(
            header=_header(table),
            algorithm=table.choose(
                "algorithm", PUBLIC_KEY_ALGORITHMS if kind == "public-key" else ALGORITHMS
            ),
            encoding=table.choose("encoding", ENCODINGS),
            prefix=table.take("prefix", str, ""),
            separator=table.take("separator", str, ""),
            message=parse_message(
                table.take("message", str),
                f"{table.where}: message",
                is_dated=is_dated,
                is_json=is_json,
                is_ambiguous=is_ambiguous,
            ),
            is_json=is_json,
            is_ambiguous=is_ambiguous,
            url=url,
        )
    table.close()
    return signature


def _secret(table: Table, kind: str) -> Secret:
    if kind == "public-key":
        return _public_key(table)
    secret = Secret(
        variable=table.take("variable", str, ""),
        is_chosen=table.take("chosen", bool, default=False),
        key_id_variable=table.take("key_id_variable", str, ""),
        form=table.choose("form", FORMS, "text"),
        prefix=table.take("prefix", str, ""),
        least=table.take("least", int, 32),
        most=table.maybe("most", int),
        refuse_prefixes=table.texts("refuse_prefixes"),
    )
    table.close()
    if kind == "secret" and (secret.form, secret.prefix) != ("text", ""):
        raise InvalidScheme(
            f"{table.where}: a secret that is sent itself has no form and prefix; leave them out"
        )
    if (kind == "http-signature") != bool(secret.key_id_variable):
        raise InvalidScheme(
            f'{table.where}: kind = "http-signature" needs key_id_variable, and no other kind'
            " takes it; add it or leave it out"
        )
    if not 1 <= secret.least <= (secret.most or secret.least):
        raise InvalidScheme(
            f"{table.where}: least must be 1 or more and at most most; change one of them"
        )
    return secret


def _public_key(table: Table) -> Secret:
    key = Secret(
        variable=table.take("variable", str, ""),
        is_chosen=False,
        key_id_variable="",
        form=table.choose("form", PUBLIC_KEY_FORMS),
        prefix=table.take("prefix", str, ""),
        least=1,
        most=None,
        refuse_prefixes=table.texts("refuse_prefixes"),
        private_variable=table.take("private_variable", str, ""),
        private_prefix=table.take("private_prefix", str, ""),
    )
    table.close()
    if key.private_prefix and key.form not in {"hex", "base64"}:
        raise InvalidScheme(
            f"{table.where}: private_prefix is of keys of 32 bytes, and the form is another one;"
            " leave it out"
        )
    return key


def _id(table: Table) -> Id:
    given = {"header", "body"} & {*table.left}
    if len(given) != 1:
        raise InvalidScheme(f"{table.where}: give exactly one of header and body")
    place = Id(_header(table), "") if "header" in given else Id("", table.take("body", str))
    table.close()
    return place


def _timestamp(top: Table, kind: str) -> Timestamp:
    table = top.table("timestamp")
    given = {"header", "entry", "body"} & {*table.left}
    if len(given) != (kind != "http-signature"):
        raise InvalidScheme(
            f"{table.where}: give exactly one of header, entry and body, and none of them for"
            ' kind = "http-signature", whose time is the Date'
        )
    header = _header(table) if "header" in given else "" if given else "date"
    entry, body = table.take("entry", str, ""), table.take("body", str, "")
    if not (header or entry or body):
        raise InvalidScheme(f"{table.where}: entry or body is empty; name the place of the time")
    form = table.choose("form", times.FORMS, "seconds") if given else "seconds"
    if form == "seconds-text" and not body:
        raise InvalidScheme(f"{table.where}: form: seconds-text is for a time in the body only")
    tolerance = table.take("tolerance", int)
    table.close()
    if not 1 <= tolerance <= MAX_TOLERANCE:
        raise InvalidScheme(
            f"{table.where}: tolerance must be a whole number of seconds from 1 to {MAX_TOLERANCE}"
        )
    return Timestamp(header, entry, body, form, tolerance)


def _header(table: Table) -> str:
    name = table.take("header", str)
    if not re.fullmatch(REQUEST_HEADER, name):
        raise InvalidScheme(
            f"{table.where}: header: invalid header name; use letters, digits and hyphens"
        )
    return name.lower()


def _vector(table: Table) -> WebhookVector:
    headers = table.table("headers")
    vector = WebhookVector(
        secret=table.take("secret", str),
        key_id=table.take("key_id", str, ""),
        headers={name: headers.take(name, str) for name in list(headers.left)},
        body=table.take("body", str),
        method=table.take("method", str, "POST"),
        path=table.take("path", str, "/"),
        now=table.take("now", int, 0),
        delivery_id=table.maybe("delivery_id", str),
        origin=table.take("origin", str),
        base_url=table.maybe("base_url", str),
    )
    table.close()
    return vector
