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
from countermark.schemes._templates import Placeholder
from countermark.webhooks import _times as times
from countermark.webhooks._messages import parse_message
from countermark.webhooks._parts import (
    MAX_TOLERANCE,
    PUBLIC_KEY_ALGORITHMS,
    HttpSignature,
    Id,
    Secret,
    SecretHeader,
    Signature,
    SignatureHeader,
    Timestamp,
    Url,
    WebhookVector,
)
from countermark.webhooks._url_parser import check_url, read_url

KINDS = ("secret", "hmac", "public-key", "http-signature")
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
    secret = _secret_of(kind, top.table("secret"), signature)
    arguments: dict[str, Any] = {
        "slug": slug,
        "name": top.take("name", str, slug),
        "source": top.texts("source"),
        "read": top.maybe("read", date),
        "confidence": top.take("confidence", str, ""),
        "compared_with": top.texts("compared_with"),
        "notes": top.take("notes", str, ""),
        "secret": secret,
        "signature": signature,
        "id": _id(top.table("id")) if "id" in top.left else None,
        "timestamp": timestamp,
        "vectors": tuple(
            _vector(Table(f"{top.where}: [[vectors]]", item))
            for item in top.take("vectors", list, [])
        ),
    }
    top.close()
    _check(signature, url, arguments["id"], timestamp, top.where)
    return arguments


def _signature(kind: str, table: Table, url: Url, *, is_dated: bool) -> Signature:
    signature: Signature
    if kind == "secret":
        signature = SecretHeader(_header(table))
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


def _secret_of(kind: str, table: Table, signature: Signature) -> Secret:
    if not (isinstance(signature, SignatureHeader) and signature.has_public_key):
        return _secret(table, kind)
    form = table.choose("form", PUBLIC_KEY_FORMS)
    if form in {"hex", "base64"} and signature.algorithm != "ed25519":
        raise InvalidScheme(
            f"{table.where}: form: {form} is of a key of 32 bytes, and only ed25519 has those;"
            " choose spki or pem"
        )
    variable, prefix = table.take("variable", str, ""), table.take("prefix", str, "")
    refused = table.texts("refuse_prefixes")
    private = table.take("private_variable", str, ""), table.take("private_prefix", str, "")
    table.close()
    if private[1] and form not in {"hex", "base64"}:
        raise InvalidScheme(
            f"{table.where}: private_prefix is of keys of 32 bytes, and the form is another one;"
            " leave it out"
        )
    return Secret(variable, False, "", form, prefix, 1, None, refused, *private)


def _secret(table: Table, kind: str) -> Secret:
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


def _check(
    signature: Signature, url: Url, id: Id | None, timestamp: Timestamp | None, where: str
) -> None:
    """Check that exactly the signed fields are defined."""
    check_url(signature, url, where)
    dated = isinstance(signature, HttpSignature)
    if isinstance(signature, SignatureHeader):
        names = {str(part) for part in signature.message if isinstance(part, Placeholder)}
        dated = "{timestamp}" in names
        if "{id}" in names and not (id and id.header):
            raise InvalidScheme(f"{where}: {{id}} is signed, so [id] needs a header; add it")
        if timestamp is not None and timestamp.body:  # signed with the body
            if dated:
                raise InvalidScheme(
                    f"{where}: {{timestamp}} is signed, so [timestamp] needs a header or an entry"
                )
            return
        if timestamp is not None and timestamp.entry:
            _check_entry(signature, timestamp.entry, where)
    if dated != (timestamp is not None):
        raise InvalidScheme(
            f"{where}: [timestamp] is needed if a time is signed, and only then; add it, or leave"
            " it out"
        )


def _check_entry(signature: SignatureHeader, entry: str, where: str) -> None:
    """Check that the entry of the time and those of the signatures differ."""
    prefix = signature.prefix
    if not signature.separator or prefix.startswith(entry) or entry.startswith(prefix):
        raise InvalidScheme(
            f"{where}: [timestamp] entry needs a separator, and a prefix of [signature] that"
            " begins with another text; change them"
        )


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
