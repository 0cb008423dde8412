"""The keys of a webhook scheme, and errors that name the wrong one."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import pytest

from countermark import BadWebhook, InvalidScheme, Keyring, UnknownScheme
from countermark.webhooks import WebhookScheme
from countermark.webhooks._parts import HttpSignature, SecretHeader, SignatureHeader
from tests.webhooks.samples import (
    BODY,
    NOW,
    SECRET,
    verifier,
)

SECRET_SCHEME: dict[str, Any] = {
    "slug": "own", "kind": "secret", "signature": {"header": "X-Own"}, "id": {"header": "X-Id"}
}  # fmt: skip
HMAC_SCHEME: dict[str, Any] = {
    "slug": "own",
    "kind": "hmac",
    "secret": {"variable": "OWN_SECRET", "form": "hex"},
    "signature": {
        "header": "X-Own", "algorithm": "sha512", "encoding": "hex", "separator": ";",
        "message": "v0:{timestamp}:{body}:{id}",
    },
    "timestamp": {"header": "X-Time", "tolerance": 60},
    "id": {"header": "X-Id"},
}  # fmt: skip
HTTP_SCHEME: dict[str, Any] = {
    "slug": "own",
    "kind": "http-signature",
    "secret": {"key_id_variable": "OWN_KEY"},
    "signature": {
        "algorithm": "hmac-sha256", "covers": ["(request-target)", "date", "digest"]
    },
    "timestamp": {"tolerance": 60},
}  # fmt: skip


def test_a_scheme_of_a_known_kind_needs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(
        """
        kind = "hmac"
        [secret]
        form = "hex"
        [signature]
        header = "X-Acme-Signature"
        algorithm = "sha512"
        encoding = "hex"
        separator = ";"
        message = "v0:{timestamp}:{body}:{id}"
        [timestamp]
        header = "X-Acme-Time"
        tolerance = 60
        [id]
        header = "X-Acme-Id"
        """
    )
    scheme = WebhookScheme.from_toml(path)
    assert (scheme.slug, scheme.name) == ("acme", "acme")
    key = bytes(range(64))
    message = f"v0:{int(NOW)}:".encode() + BODY + b":a-1"
    signature = hmac.new(key, message, "sha512").hexdigest()
    headers = {
        "X-Acme-Signature": f"{'0' * 128};{signature}",
        "X-Acme-Time": str(int(NOW)),
        "X-Acme-Id": "a-1",
    }
    own = verifier(scheme, Keyring(key.hex()))  # type: ignore[arg-type]
    assert own.verify(headers=headers, body=BODY).delivery_id == "a-1"
    for name, value in [("X-Acme-Id", "a:1"), ("X-Acme-Id", ":"), ("X-Acme-Signature", "0;")]:
        with pytest.raises(BadWebhook) as caught:
            own.verify(headers={**headers, name: value}, body=BODY)
        assert caught.value.code == "malformed"


def test_a_message_may_end_with_the_id_or_begin_with_the_body() -> None:
    signature = {**HMAC_SCHEME["signature"], "message": "{body}{id}"}
    with pytest.raises(InvalidScheme, match="nothing separates"):
        WebhookScheme.from_mapping({**HMAC_SCHEME, "signature": signature})
    signature = {**HMAC_SCHEME["signature"], "message": "{id}|{timestamp}|{body}."}
    scheme = WebhookScheme.from_mapping({**HMAC_SCHEME, "signature": signature})
    assert isinstance(scheme.signature, SignatureHeader)
    assert scheme.signature.header == "x-own"


def test_each_kind_of_scheme_is_parsed() -> None:
    kinds = {SecretHeader: SECRET_SCHEME, SignatureHeader: HMAC_SCHEME, HttpSignature: HTTP_SCHEME}
    for kind, data in kinds.items():
        assert isinstance(WebhookScheme.from_mapping(data).signature, kind)


def changed(data: dict[str, Any], where: str, value: Any) -> dict[str, Any]:
    """Return the data of a scheme with another value at a dotted key; None removes the key."""
    table, _, key = where.rpartition(".")
    inner = dict(data.get(table) or {}) if table else dict(data)
    inner.pop(key, None)
    if value is not None:
        inner[key] = value
    return {**data, table: inner} if table else inner


WRONG = [
    (SECRET_SCHEME, "slug", "Own", "invalid name for a scheme"),
    (SECRET_SCHEME, "slug", None, "invalid name for a scheme"),
    (SECRET_SCHEME, "kind", None, "kind is missing"),
    (
        SECRET_SCHEME,
        "kind",
        "jwt",
        "kind must be one of secret, hmac, body-hmac, public-key, http-",
    ),
    (SECRET_SCHEME, "more", 1, "unknown key <not shown"),
    (SECRET_SCHEME, "signature.more", 1, r"\[signature\]: unknown key <not shown"),
    (SECRET_SCHEME, "signature.header", None, "header is missing"),
    (SECRET_SCHEME, "signature.header", "X Own", "invalid header name"),
    (SECRET_SCHEME, "signature.header", "X_Own", "invalid header name"),
    (SECRET_SCHEME, "secret.form", "hex", "has no form; leave it out"),
    (SECRET_SCHEME, "secret.prefix", "x", "has no prefix; leave it out"),
    (SECRET_SCHEME, "secret.more", "x", r"\[secret\]: unknown key <not shown"),
    (SECRET_SCHEME, "secret.least", 0, "least must be a whole number from 1"),
    (SECRET_SCHEME, "secret.most", 31, "least is above most"),
    (SECRET_SCHEME, "secret.key_id_variable", "KEY", "needs key_id_variable, and no other kind"),
    (SECRET_SCHEME, "id.body", "id", "one of header and body"),
    (SECRET_SCHEME, "id.header", None, "one of header and body"),
    (SECRET_SCHEME, "id", {"body": ""}, "body: the text is empty"),
    (SECRET_SCHEME, "timestamp", {"header": "X-Time", "tolerance": 5}, r"\[timestamp\] is needed"),
    (SECRET_SCHEME, "vectors", [{"secret": "a"}], "body is missing"),
    (HMAC_SCHEME, "signature.message", "constant", r"must hold either \{body\} or"),
    (HMAC_SCHEME, "signature.message", "{body}{parameters}", r"must hold either \{body\} or"),
    (HMAC_SCHEME, "signature.message", "{body}{body}", "each once"),
    (HMAC_SCHEME, "signature.message", "{email}.{body}", "each once"),
    (HMAC_SCHEME, "signature.message", "{body?}", "each once"),
    (HMAC_SCHEME, "signature.message", "{id}{body}", "nothing separates"),
    (HMAC_SCHEME, "signature.message", "{timestamp}5{body}", "a digit next to"),
    (HMAC_SCHEME, "signature.message", "{body", "no partner"),
    (HMAC_SCHEME, "signature.message", "{body}", r"\[timestamp\] is needed"),
    (HMAC_SCHEME, "signature.algorithm", "md5", "algorithm must be one of"),
    (HMAC_SCHEME, "signature.encoding", "base32", "encoding must be one of"),
    (HMAC_SCHEME, "signature.separator", "a", "separator could be a part of a signature"),
    (HMAC_SCHEME, "timestamp", None, r"\[timestamp\] is needed"),
    (HMAC_SCHEME, "timestamp.header", None, "exactly one of header, entry and body"),
    (HMAC_SCHEME, "timestamp.body", "sent_at", "exactly one of header, entry and body"),
    (HMAC_SCHEME, "timestamp", {"body": "sent_at", "tolerance": 5}, "needs a header or an entry"),
    (HMAC_SCHEME, "timestamp", {"entry": "t=", "tolerance": 5}, "entry needs a separator"),
    (HMAC_SCHEME, "timestamp", {"entry": "", "tolerance": 5}, "entry: the text is empty"),
    (HMAC_SCHEME, "timestamp", {"body": "", "tolerance": 5}, "body: the text is empty"),
    (HMAC_SCHEME, "timestamp.form", "days", "form must be one of"),
    (HMAC_SCHEME, "timestamp.form", "seconds-text", "for a time in the body only"),
    (HMAC_SCHEME, "timestamp.tolerance", 0, "tolerance must be a whole number from 1 to 129600"),
    (
        HMAC_SCHEME,
        "timestamp.tolerance",
        129_601,
        "tolerance must be a whole number from 1 to 129600",
    ),
    (HMAC_SCHEME, "timestamp.tolerance", True, "tolerance must be a whole number"),
    (HMAC_SCHEME, "id", None, r"\[id\] needs a header"),
    (HMAC_SCHEME, "id", {"body": "id"}, r"\[id\] needs a header"),
    (HTTP_SCHEME, "signature.algorithm", "hs2019", "algorithm must be one of"),
    (HTTP_SCHEME, "signature.covers", ["date", "digest"], "covers must hold"),
    (HTTP_SCHEME, "signature.covers", None, "covers is missing"),
    (
        HTTP_SCHEME,
        "signature.covers",
        ["(request-target)", "date", "digest", "Host"],
        "not the name of a header in lower case",
    ),
    (
        HTTP_SCHEME,
        "signature.covers",
        ["(request-target)", "date", "digest", "(created)"],
        "not the name of a header in lower case",
    ),
    (HTTP_SCHEME, "signature.header", "X-Own", "unknown key <not shown"),
    (HTTP_SCHEME, "timestamp", None, r"\[timestamp\] is needed"),
    (HTTP_SCHEME, "timestamp.header", "Date", "none of them for kind"),
    (HTTP_SCHEME, "timestamp.form", "seconds", "unknown key <not shown"),
    (HTTP_SCHEME, "secret", {}, "needs key_id_variable, and no other kind"),
]


@pytest.mark.parametrize(("data", "where", "value", "message"), WRONG)
def test_an_invalid_scheme_is_refused_with_the_name_of_the_key(
    data: dict[str, Any], where: str, value: Any, message: str
) -> None:
    with pytest.raises(InvalidScheme, match=message):
        WebhookScheme.from_mapping(changed(data, where, value))


@pytest.mark.parametrize(
    ("separator", "encoding", "prefix", "entry"),
    [
        (",", "base64", "v1,", ""),  # every delivery would be malformed
        ("v1", "hex", "v1=", ""),
        ("=", "base64", "", ""),
        ("+", "base64", "", ""),
        ("=v", "base64", "v1:", ""),
        (",", "hex", "v1=", "t,"),
        ("-", "hex", "v1=", "t="),
    ],
)
def test_a_separator_is_no_part_of_what_it_separates(
    separator: str, encoding: str, prefix: str, entry: str
) -> None:
    signature = {"encoding": encoding, "prefix": prefix, "separator": separator}
    data = {**HMAC_SCHEME, "signature": {**HMAC_SCHEME["signature"], **signature}}
    if entry:
        data["timestamp"] = {"entry": entry, "form": "rfc3339", "tolerance": 5}
    with pytest.raises(InvalidScheme, match="separator could be a part of a signature"):
        WebhookScheme.from_mapping(data)
    data["signature"]["separator"] = "; "
    assert WebhookScheme.from_mapping(data)


def test_an_invalid_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    for content in (b"kind =", b"\xff", b"a = " + b"[" * 9999):
        path.write_bytes(content)
        with pytest.raises(InvalidScheme, match=r"webhook scheme in own\.toml"):
            WebhookScheme.from_toml(path)
    with pytest.raises(OSError, match="No such file"):
        WebhookScheme.from_toml(tmp_path / "none.toml")
    with pytest.raises(InvalidScheme):
        WebhookScheme.from_mapping([])  # type: ignore[arg-type]


def test_an_error_repeats_an_unknown_scheme_unless_it_may_be_a_secret() -> None:
    with pytest.raises(UnknownScheme, match="'stig'; similar: stigg; `countermark"):
        WebhookScheme.load("stig")
    with pytest.raises(UnknownScheme) as caught:
        WebhookScheme.load(SECRET)
    assert SECRET not in str(caught.value)
    with pytest.raises(UnknownScheme):
        WebhookScheme.load("../schemes/stigg")
