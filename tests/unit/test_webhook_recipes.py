"""Recipes of webhooks: their vectors, what they may say, and how others read deliveries."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from countermark import BadWebhook, InvalidKey, InvalidScheme, Keyring, SecretKey, UnknownScheme
from countermark.webhooks import WebhookScheme, WebhookVerifier, verify_webhook
from countermark.webhooks._parts import HttpSignature, SecretHeader, SignatureHeader, WebhookVector
from countermark.webhooks._results import REFUSALS
from countermark.webhooks._scheme import webhook_scheme_slugs
from tests.unit.webhook_samples import (
    BODY,
    NOW,
    SECRET,
    WHSEC,
    standard,
    verifier,
)

VECTORS = [
    pytest.param(slug, vector, id=f"{slug}-{vector.origin}")
    for slug in webhook_scheme_slugs()
    for vector in WebhookScheme.load(slug).vectors
]


# Vectors


def test_a_version_before_the_prefix_of_a_secret_is_named_as_surplus() -> None:
    with pytest.raises(InvalidKey, match="begins with 'v1,', which is surplus") as caught:
        WebhookVerifier("standard-webhooks", Keyring(f"v1,{WHSEC}"))
    assert "so that it begins with 'whsec_'" in str(caught.value)
    assert WHSEC not in str(caught.value)


@pytest.mark.parametrize("slug", webhook_scheme_slugs())
def test_each_scheme_of_the_catalogue_has_a_source_a_date_a_variable_and_vectors(slug: str) -> None:
    scheme = WebhookScheme.load(slug)
    assert scheme is WebhookScheme.load(slug)
    assert scheme.vectors
    assert scheme.source
    assert scheme.read is not None
    assert scheme.secret.variable


@pytest.mark.filterwarnings("ignore::countermark.WeakKeyWarning")
@pytest.mark.parametrize(("slug", "vector"), VECTORS)
def test_a_vector_is_verified(slug: str, vector: WebhookVector) -> None:
    ring = Keyring(SecretKey.of_example(vector.secret))
    keys: Any = {vector.key_id: ring} if vector.key_id else ring
    delivery: dict[str, Any] = {
        "headers": vector.headers, "body": vector.body, "method": vector.method, "path": vector.path
    }  # fmt: skip
    verified = verify_webhook(slug, keys, **delivery, clock=lambda: vector.now)
    assert verified.delivery_id == vector.delivery_id
    another = Keyring("whsec_" + "B" * 32)
    keys = {vector.key_id: another} if vector.key_id else another
    with pytest.raises(BadWebhook):
        verify_webhook(slug, keys, **delivery, clock=lambda: vector.now)


def compute_github(vector: WebhookVector) -> dict[str, str]:
    signature = hmac.new(vector.secret.encode(), vector.body.encode(), "sha256").hexdigest()
    return {"X-Hub-Signature-256": f"sha256={signature}"}


def compute_standard(vector: WebhookVector) -> dict[str, str]:
    headers = vector.headers
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{vector.body}".encode()
    key = b64decode(vector.secret.removeprefix("whsec_"))
    signature = b64encode(hmac.digest(key, message, "sha256")).decode()
    return {"webhook-signature": f"v1,{signature}"}


def compute_cognito(vector: WebhookVector) -> dict[str, str]:
    headers = {name.lower(): value for name, value in vector.headers.items()}
    digest = "SHA-256=" + b64encode(hashlib.sha256(vector.body.encode()).digest()).decode()
    lines = f"(request-target): post {vector.path}\ndate: {headers['date']}\ndigest: {digest}"
    mac = hmac.digest(vector.secret.encode(), lines.encode(), "sha256")
    before = headers["authorization"].partition('signature="')[0]
    authorization = f'{before}signature="{b64encode(mac).decode()}"'
    return {"digest": digest, "authorization": authorization}


#: The headers that prove a vector, computed with hmac and hashlib alone, by scheme.
COMPUTE: dict[str, Callable[[WebhookVector], dict[str, str]]] = {
    "cognito": compute_cognito,
    "github": compute_github,
    "standard-webhooks": compute_standard,
    "stigg": lambda vector: {"Stigg-Webhooks-Secret": vector.secret},
}


@pytest.mark.parametrize(("slug", "vector"), VECTORS)
def test_hmac_and_hashlib_compute_the_headers_of_a_vector(slug: str, vector: WebhookVector) -> None:
    headers = {name.lower(): value for name, value in vector.headers.items()}
    for name, value in COMPUTE[slug](vector).items():
        assert headers[name.lower()] == value


# Compared with the library of Standard Webhooks


def their_answer(delivery: dict[str, Any], secret: str = WHSEC) -> str:
    """Return what the vendors' library makes of a delivery."""
    data = delivery["body"]
    try:
        Webhook(secret).verify(data, delivery["headers"])
    except Exception as error:
        return type(error).__name__
    return "verified"


def our_answer(delivery: dict[str, Any], now: float, secret: str = WHSEC) -> str:
    try:
        verify_webhook(
            "standard-webhooks",
            Keyring(secret),
            headers=delivery["headers"],
            body=delivery["body"],
            clock=lambda: now,
        )
    except BadWebhook as error:
        return error.code
    return "verified"


def at_this_time(**changes: Any) -> dict[str, Any]:
    """Return a delivery of now, which the library cannot be told otherwise."""
    import time

    return standard(at=int(time.time()), **changes)._asdict()


def test_good_deliveries_are_good_to_both() -> None:
    for body in (BODY, b"{}", b'"\xc3\xa9"', b'{"a": [1, 2.5, null]}', b" 1 "):
        for secret in (WHSEC, "whsec_" + "B" * 32, "whsec_" + "Zm9v" * 20):
            delivery = at_this_time(body=body, secret=secret)
            now = float(delivery["headers"]["webhook-timestamp"])
            assert their_answer(delivery, secret) == our_answer(delivery, now, secret) == "verified"


def test_what_the_library_signs_is_verified() -> None:
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(NOW, UTC)
    signature = Webhook(WHSEC).sign("evt-1", at, BODY.decode())
    assert signature == standard().headers["webhook-signature"]


def hostile() -> dict[str, tuple[dict[str, str], bytes, str, str]]:
    """Return deliveries that nobody has made like that, and what the library and we say."""
    good = at_this_time()
    headers = good["headers"]
    own, at = headers["webhook-signature"], headers["webhook-timestamp"]
    other = at_this_time(body=f'{at}.{{"a":1}}'.encode())
    spare = own[:-2] + chr(ord(own[-2]) + 1) + "="

    def signed(signature: str, body: bytes = BODY) -> tuple[dict[str, str], bytes]:
        return {**headers, "webhook-signature": signature}, body

    early = {**headers, "webhook-timestamp": f"{at}.0"}
    moved = {
        **other["headers"],
        "webhook-id": f"evt-1.{other['headers']['webhook-timestamp']}",
        "webhook-timestamp": at,
    }
    return {
        "no comma": (*signed("v1"), "ValueError", "malformed"),
        "two commas": (*signed("v1,a,b"), "ValueError", "ambiguous"),
        "two spaces": (*signed(f"v1a,a  {own}"), "ValueError", "malformed"),
        "cut off": (*signed("v1,abc"), binascii.Error.__name__, "malformed"),
        "not UTF-8": (*signed(own, b"\xff"), "UnicodeDecodeError", "mismatch"),
        "not ASCII": (*signed("v1,é"), "ValueError", "malformed"),
        "trailing junk": (*signed(f"{own}!!!"), "verified", "malformed"),
        "junk inside": (*signed(f"{own[:9]}!{own[9:]}"), "verified", "malformed"),
        "spare bits": (*signed(spare), "verified", "malformed"),
        "another spelling of the time": (early, BODY, "verified", "malformed"),
        "the id reaches into the time": (moved, b'{"a":1}', "verified", "malformed"),
    }  # fmt: skip


@pytest.mark.parametrize("what", hostile())
def test_what_the_library_gets_wrong_on_hostile_input(what: str) -> None:
    """Of eleven, six leave it as errors that it does not announce, five it takes for good."""
    headers, body, theirs, ours = hostile()[what]
    delivery = {"headers": headers, "body": body}
    assert their_answer(delivery) == theirs
    sent_at = float(at_this_time()["headers"]["webhook-timestamp"])
    assert our_answer(delivery, sent_at) == ours


def test_the_library_takes_a_secret_of_one_byte() -> None:
    Webhook("whsec_QQ==")
    with pytest.warns(UserWarning, match="fewer than 24 bytes"):
        WebhookVerifier("standard-webhooks", Keyring("whsec_QQ=="))


# What a recipe may say

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


def test_a_vendor_of_a_known_kind_is_data_alone(tmp_path: Path) -> None:
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


def test_the_kinds_of_recipes() -> None:
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
def test_a_recipe_that_is_wrong_is_refused_by_name(
    recipe: dict[str, Any], where: str, value: Any, message: str
) -> None:
    with pytest.raises(InvalidScheme, match=message):
        WebhookScheme.from_mapping(changed(recipe, where, value))


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    for content in (b"kind =", b"\xff", b"a = " + b"[" * 9999):
        path.write_bytes(content)
        with pytest.raises(InvalidScheme, match=r"webhook scheme in own\.toml"):
            WebhookScheme.from_toml(path)
    with pytest.raises(OSError, match="No such file"):
        WebhookScheme.from_toml(tmp_path / "none.toml")
    with pytest.raises(InvalidScheme):
        WebhookScheme.from_mapping([])  # type: ignore[arg-type]


def test_an_unknown_scheme_is_named_unless_it_may_be_a_secret() -> None:
    with pytest.raises(UnknownScheme, match=r"'stig'; use one of .*cognito, "):
        WebhookScheme.load("stig")
    with pytest.raises(UnknownScheme) as caught:
        WebhookScheme.load(SECRET)
    assert SECRET not in str(caught.value)
    with pytest.raises(UnknownScheme):
        WebhookScheme.load("../schemes/stigg")


# The page

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/webhooks.md").read_text(encoding="utf-8")


# What is under the name of a framework runs in tests/frameworks/test_webhooks_docs.py.
PLAIN = re.sub(r"^## FastAPI.*?(?=^## Without)", "", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    "block", re.findall(r"^```python\n(.*?)^```$", PLAIN, re.DOTALL | re.MULTILINE)
)
def test_the_code_of_the_page_runs(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STIGG_WEBHOOKS_SECRET", SECRET)
    exec(compile(block, "webhooks.md", "exec"), {"__name__": "page"})


def test_the_page_names_every_key_and_code() -> None:
    reader = (ROOT / "src/countermark/webhooks/_parser.py").read_text()
    keys = set(re.findall(r'(?:take|maybe|choose|texts|table)\(\s*"(\w+)"', reader))
    assert len(keys) > 25
    assert [key for key in sorted({*keys, *REFUSALS}) if f"`{key}`" not in PAGE] == [
        "signature", "timestamp", "vectors"
    ]  # fmt: skip
    for table in ("[id]", "[secret]", "[signature]", "[timestamp]", "[[vectors]]"):
        assert f"`{table}`" in PAGE


@pytest.mark.parametrize("slug", webhook_scheme_slugs())
def test_the_page_has_a_row_for_each_scheme_of_the_catalogue(slug: str) -> None:
    (row,) = re.findall(rf"^\| `{slug}` \|.*$", PAGE, re.MULTILINE)
    assert f"`{WebhookScheme.load(slug).secret.variable}`" in row
