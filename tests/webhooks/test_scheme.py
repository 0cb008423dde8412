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

SECRET_RECIPE: dict[str, Any] = {
    "slug": "own", "kind": "secret", "signature": {"header": "X-Own"}, "id": {"header": "X-Id"}
}  # fmt: skip
HMAC_RECIPE: dict[str, Any] = {
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
HTTP_RECIPE: dict[str, Any] = {
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
    signature = {**HMAC_RECIPE["signature"], "message": "{body}{timestamp}"}
    with pytest.raises(InvalidScheme, match="nothing separates"):
        WebhookScheme.from_mapping({**HMAC_RECIPE, "signature": signature})
    signature = {**HMAC_RECIPE["signature"], "message": "{id}|{timestamp}|{body}."}
    scheme = WebhookScheme.from_mapping({**HMAC_RECIPE, "signature": signature})
    assert isinstance(scheme.signature, SignatureHeader)
    assert scheme.signature.header == "x-own"


def test_each_kind_of_scheme_is_parsed() -> None:
    kinds = {SecretHeader: SECRET_RECIPE, SignatureHeader: HMAC_RECIPE, HttpSignature: HTTP_RECIPE}
    for kind, recipe in kinds.items():
        assert isinstance(WebhookScheme.from_mapping(recipe).signature, kind)


def changed(recipe: dict[str, Any], where: str, value: Any) -> dict[str, Any]:
    """Return a recipe with another value at a name with a dot; None: without it."""
    table, _, key = where.rpartition(".")
    inner = dict(recipe.get(table) or {}) if table else dict(recipe)
    inner.pop(key, None)
    if value is not None:
        inner[key] = value
    return {**recipe, table: inner} if table else inner


WRONG = [
    (SECRET_RECIPE, "slug", "Own", "invalid name for a scheme"),
    (SECRET_RECIPE, "slug", None, "invalid name for a scheme"),
    (SECRET_RECIPE, "kind", None, "kind is missing"),
    (SECRET_RECIPE, "kind", "jwt", "kind must be one of secret, hmac, http-signature"),
    (SECRET_RECIPE, "more", 1, "unknown key <not shown"),
    (SECRET_RECIPE, "signature.more", 1, r"\[signature\]: unknown key <not shown"),
    (SECRET_RECIPE, "signature.header", None, "header is missing"),
    (SECRET_RECIPE, "signature.header", "X Own", "invalid header name"),
    (SECRET_RECIPE, "signature.header", "X_Own", "invalid header name"),
    (SECRET_RECIPE, "secret.form", "hex", "has no form and prefix"),
    (SECRET_RECIPE, "secret.prefix", "x", "has no form and prefix"),
    (SECRET_RECIPE, "secret.more", "x", r"\[secret\]: unknown key <not shown"),
    (SECRET_RECIPE, "secret.least", 0, "least must be 1 or more"),
    (SECRET_RECIPE, "secret.most", 31, "least must be 1 or more"),
    (SECRET_RECIPE, "secret.key_id_variable", "KEY", "needs key_id_variable, and no other kind"),
    (SECRET_RECIPE, "id.body", "id", "one of header and body"),
    (SECRET_RECIPE, "id.header", None, "one of header and body"),
    (SECRET_RECIPE, "timestamp", {"header": "X-Time", "tolerance": 5}, r"\[timestamp\] is needed"),
    (SECRET_RECIPE, "vectors", [{"secret": "a"}], "body is missing"),
    (HMAC_RECIPE, "signature.message", "constant", r"must hold \{body\}"),
    (HMAC_RECIPE, "signature.message", "{body}{body}", "each once"),
    (HMAC_RECIPE, "signature.message", "{email}.{body}", "each once"),
    (HMAC_RECIPE, "signature.message", "{body?}", "each once"),
    (HMAC_RECIPE, "signature.message", "{id}{body}", "nothing separates"),
    (HMAC_RECIPE, "signature.message", "{timestamp}5{body}", "a digit next to"),
    (HMAC_RECIPE, "signature.message", "{body", "no partner"),
    (HMAC_RECIPE, "signature.message", "{body}", r"\[timestamp\] is needed"),
    (HMAC_RECIPE, "signature.algorithm", "md5", "algorithm must be one of"),
    (HMAC_RECIPE, "signature.encoding", "base32", "encoding must be one of"),
    (HMAC_RECIPE, "timestamp", None, r"\[timestamp\] is needed"),
    (HMAC_RECIPE, "timestamp.tolerance", 0, "seconds from 1 to 129600"),
    (HMAC_RECIPE, "timestamp.tolerance", 129_601, "seconds from 1 to 129600"),
    (HMAC_RECIPE, "timestamp.tolerance", True, "of type int"),
    (HMAC_RECIPE, "id", None, r"\[id\] needs a header"),
    (HMAC_RECIPE, "id", {"body": "id"}, r"\[id\] needs a header"),
    (HTTP_RECIPE, "signature.algorithm", "hs2019", "algorithm must be one of"),
    (HTTP_RECIPE, "signature.covers", ["date", "digest"], "covers must hold"),
    (HTTP_RECIPE, "signature.covers", None, "covers must hold"),
    (
        HTTP_RECIPE,
        "signature.covers",
        ["(request-target)", "date", "digest", "Host"],
        "not the name of a header in lower case",
    ),
    (
        HTTP_RECIPE,
        "signature.covers",
        ["(request-target)", "date", "digest", "(created)"],
        "not the name of a header in lower case",
    ),
    (HTTP_RECIPE, "signature.header", "X-Own", "unknown key <not shown"),
    (HTTP_RECIPE, "timestamp", None, r"\[timestamp\] is needed"),
    (HTTP_RECIPE, "timestamp.header", "Date", "unknown key <not shown"),
    (HTTP_RECIPE, "secret", {}, "needs key_id_variable, and no other kind"),
]


@pytest.mark.parametrize(("recipe", "where", "value", "message"), WRONG)
def test_an_invalid_scheme_is_refused_with_the_name_of_the_key(
    recipe: dict[str, Any], where: str, value: Any, message: str
) -> None:
    with pytest.raises(InvalidScheme, match=message):
        WebhookScheme.from_mapping(changed(recipe, where, value))


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
    with pytest.raises(UnknownScheme, match=r"'stig'; use one of .*cognito, "):
        WebhookScheme.load("stig")
    with pytest.raises(UnknownScheme) as caught:
        WebhookScheme.load(SECRET)
    assert SECRET not in str(caught.value)
    with pytest.raises(UnknownScheme):
        WebhookScheme.load("../schemes/stigg")
