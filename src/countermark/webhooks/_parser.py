"""Parses a webhook scheme from TOML and checks it key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from typing import Any

from countermark._http import REQUEST_HEADER
from countermark.schemes._files import read_toml, read_toml_file
from countermark.schemes._header_names import HEADER_FORM
from countermark.schemes._tables import Fault, Table, raise_first, slug_of
from countermark.webhooks import _times as times
from countermark.webhooks._challenge_parser import read_challenge
from countermark.webhooks._messages import read_members
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
from countermark.webhooks._scheme_checks import check_parts
from countermark.webhooks._url_parser import read_url

KINDS = ("secret", "hmac", "body-hmac", "public-key", "http-signature")
FORMS = ("text", "hex", "base64")
PUBLIC_KEY_FORMS = ("pem", "spki", "hex", "base64")
#: The forms of public keys that are not of 32 bytes alone.
FORMS_OF_FILES = ("pem", "spki")
ALGORITHMS = ("sha1", "sha256", "sha512")
HTTP_ALGORITHMS = ("hmac-sha256", "hmac-sha512")
ENCODINGS = ("hex", "base64")
#: The parts that an HTTP signature must cover; otherwise it is valid for other requests too.
COVERS = ("(request-target)", "date", "digest")
#: The other parts that it may cover: headers, in lower case.
COVERED_HEADER = "[a-z0-9-]+"


def read_file(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the arguments of a ``WebhookScheme`` from the TOML file at *path*."""
    return read(read_toml_file(path, "webhook scheme"))


def parse(text: str, slug: str) -> dict[str, Any]:
    """Return the arguments of a ``WebhookScheme`` from a TOML text; *slug* is the default name."""
    return read(read_toml(text, slug, "webhook scheme"))


def read(data: Mapping[str, Any], faults: list[Fault] | None = None) -> dict[str, Any]:
    """Return the arguments of the ``WebhookScheme`` that *data* describes.

    Args:
        data: The tables and keys of a file, and a slug.
        faults: A list to which all mistakes in the structure are added.

    Raises:
        InvalidScheme: The scheme contradicts itself; the message names the key.
    """
    found: list[Fault] = [] if faults is None else faults
    top = Table("the scheme", data, found)
    raise_first(found)
    slug = slug_of(top, "webhook scheme")
    kind = top.choose("kind", KINDS)
    raise_first(found)  # the other keys depend on the kind
    arguments: dict[str, Any] = {
        "slug": slug,
        "name": top.take("name", str, slug),
        "source": top.texts("source"),
        "read": top.day("read"),
        "confidence": top.take("confidence", str, ""),
        "compared_with": top.texts("compared_with"),
        "notes": top.take("notes", str, ""),
        "secret": _secret(top.table("secret"), kind),
        "signature": _signature(kind, top.table("signature"), read_url(top, kind)),
        "id": _id(top.table("id")) if top.has("id") else None,
        "timestamp": _timestamp(top.table("timestamp"), kind) if top.has("timestamp") else None,
        "challenge": read_challenge(top.table("challenge")) if top.has("challenge") else None,
        "vectors": tuple(map(_vector, top.list_of_tables("vectors"))),
    }
    top.close()
    raise_first(found)
    check_parts(arguments, top.where)
    return arguments


def _signature(kind: str, table: Table, url: Url) -> Signature:
    signature: Signature
    if kind == "secret":
        signature = SecretHeader(_header(table))
    elif kind == "body-hmac":
        signature = SignatureMember(
            member=table.filled("member", required=True),
            algorithm=table.choose("algorithm", ALGORITHMS),
            encoding=table.choose("encoding", ENCODINGS),
            between=read_members(table),
        )
    elif kind == "http-signature":
        signature = HttpSignature(table.choose("algorithm", HTTP_ALGORITHMS), _covers(table))
    else:
        signature = SignatureHeader(
            header=_header(table),
            algorithm=table.choose(
                "algorithm", PUBLIC_KEY_ALGORITHMS if kind == "public-key" else ALGORITHMS
            ),
            encoding=table.choose("encoding", ENCODINGS),
            prefix=table.take("prefix", str, ""),
            separator=table.take("separator", str, ""),
            message=table.templates("message", str).parts,
            is_json=table.take("json_body", bool, default=False),
            is_ambiguous=table.take("ambiguous", bool, default=False),
            url=url,
        )
    table.close()
    return signature


def _covers(table: Table) -> tuple[str, ...]:
    covers = table.texts("covers", required=True)
    if covers and not {*COVERS} <= {*covers}:
        table.fault(f"covers must hold {', '.join(COVERS)}; add what is missing", "covers")
    for number, name in enumerate(covers):
        if name not in COVERS and not re.fullmatch(COVERED_HEADER, name):
            table.fault(
                "covers: an entry is not the name of a header in lower case; write it as x-name",
                "covers",
                number,
            )
    return covers


def _secret(table: Table, kind: str) -> Secret:
    if kind == "public-key":
        return _public_key(table)
    if kind == "secret":
        for key in ("form", "prefix"):
            if table.left.pop(key, None) is not None:
                table.fault(f"a secret that is sent itself has no {key}; leave it out", key)
    if (kind == "http-signature") != table.has("key_id_variable"):
        table.left.pop("key_id_variable", None)
        table.fault(
            'kind = "http-signature" needs key_id_variable, and no other kind takes it; add it or'
            " leave it out",
            "key_id_variable",
        )
    least = table.whole("least", 1)
    secret = Secret(
        variable=table.take("variable", str, ""),
        is_chosen=table.take("chosen", bool, default=False),
        key_id_variable=table.filled("key_id_variable"),
        form=table.choose("form", FORMS, "text"),
        prefix=table.take("prefix", str, ""),
        least=32 if least is None else least,
        most=table.whole("most", 1),
        refuse_prefixes=table.texts("refuse_prefixes"),
    )
    table.close()
    return secret


def _public_key(table: Table) -> Secret:
    if table.has("private_prefix") and table.left.get("form") in FORMS_OF_FILES:
        table.fault(
            "private_prefix is of keys of 32 bytes, and the form is another one; leave it out",
            "private_prefix",
        )
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
    return key


def _id(table: Table) -> Id:
    if table.has("header") == table.has("body"):
        table.fault("give exactly one of header and body")
    header = _header(table) if "header" in table.left else ""
    place = Id(header, table.filled("body"))
    table.close()
    return place


def _timestamp(table: Table, kind: str) -> Timestamp:
    given = {"header", "entry", "body"} & {*table.left}
    if len(given) != (kind != "http-signature"):
        table.fault(
            "give exactly one of header, entry and body, and none of them for"
            ' kind = "http-signature", whose time is the Date'
        )
    if table.left.get("form") == "seconds-text" and "body" not in given:
        table.fault("form: seconds-text is for a time in the body only", "form")
    timestamp = Timestamp(
        header=_header(table) if "header" in table.left else "" if given else "date",
        entry=table.filled("entry"),
        body=table.filled("body"),
        form=table.choose("form", times.FORMS, "seconds") if given else "seconds",
        tolerance=table.whole("tolerance", 1, MAX_TOLERANCE, required=True) or 1,
    )
    table.close()
    return timestamp


def _header(table: Table) -> str:
    return (table.matching("header", REQUEST_HEADER, HEADER_FORM, required=True) or "").lower()


def _vector(table: Table) -> WebhookVector:
    headers = table.table("headers", is_open=True)
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
