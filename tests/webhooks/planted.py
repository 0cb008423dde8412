"""Deliveries with planted mistakes, and the codes that name them."""

# ruff: noqa: E501  # one line for each mistake

from __future__ import annotations

import base64
import gzip
import hmac
import json
from typing import NamedTuple
from urllib.parse import quote_plus

from countermark.webhooks import WebhookScheme

GITHUB_SECRET = "a-webhook-secret-for-tests-only-01"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_KEY = base64.b64decode(STANDARD_SECRET[6:])
STIGG_SECRET = "webhook-secret-for-tests-only-0001"
NOW = 1_800_000_000
CONTENT = {"type": "user.created", "name": "Zoë", "url": "https://a.example/1"}
BODY = json.dumps(CONTENT, indent=2, ensure_ascii=False).encode()
COMPACT = json.dumps(CONTENT, separators=(",", ":"), ensure_ascii=False).encode()
COGNITO = WebhookScheme.load("cognito").vectors[0]


class Planted(NamedTuple):
    """A delivery with a mistake.

    Attributes:
        codes: The codes of the mistakes.
        scheme: The scheme.
        headers: The headers.
        body: The body that the verifying side checks.
        method: The method.
        path: The path.
    """

    codes: str
    scheme: str
    headers: dict[str, str]
    body: bytes | str = BODY
    method: str = "POST"
    path: str = "/hooks"


def github(
    codes: str,
    body: bytes,
    *,
    signed: bytes = BODY,
    key: str = GITHUB_SECRET,
    form: str = "sha256={}",
) -> Planted:
    code = hmac.digest(key.encode(), signed, "sha256").hex()
    return Planted(codes, "github", {"X-Hub-Signature-256": form.format(code)}, body)


def standard(
    codes: str,
    body: bytes = BODY,
    *,
    parts: str = "{id}.{time}.",
    signed: bytes = BODY,
    key: bytes = STANDARD_KEY,
    time: int = NOW,
    algorithm: str = "sha256",
    form: str = "v1,{}",
    names: str = "webhook-",
) -> Planted:
    message = parts.format(id="msg_1", time=time).encode() + signed
    code = base64.b64encode(hmac.digest(key, message, algorithm)).decode()
    headers = {"id": "msg_1", "timestamp": str(time), "signature": form.format(code)}
    named = {names + name: value for name, value in headers.items()}
    return Planted(codes, "standard-webhooks", named, body)


def stigg(codes: str, secret: str) -> Planted:
    return Planted(codes, "stigg", {"Stigg-Webhooks-Secret": secret})


def cognito(
    codes: str,
    *,
    body: bytes | str = COGNITO.body,
    method: str = "POST",
    path: str = COGNITO.path,
    **headers: str,
) -> Planted:
    return Planted(codes, "cognito", {**COGNITO.headers, **headers}, body, method, path)


def cognito_signed(
    codes: str, target: str, covers: str = "(request-target) date digest"
) -> Planted:
    """Return a delivery whose signature is over another request line, or over fewer headers."""
    lines = {"(request-target)": target, "date": COGNITO.headers["Date"], "digest": COGNITO.headers["Digest"]}  # fmt: skip
    message = "\n".join(f"{name}: {lines[name]}" for name in covers.split(" "))
    code = base64.b64encode(hmac.digest(COGNITO.secret.encode(), message.encode(), "sha256"))
    value = f'Signature keyId="{COGNITO.key_id}",headers="{covers}",signature="{code.decode()}"'
    return cognito(codes, Authorization=value)


SPACED = json.dumps(CONTENT).encode()
SINGLE = (
    github("body_json", COMPACT),
    github("body_json", SPACED),
    github("body_json", BODY, signed=COMPACT),
    github("body_json", BODY, signed=json.dumps(CONTENT, sort_keys=True).encode()),
    github("body_json", BODY, signed=json.dumps(CONTENT, separators=(",", ":")).replace("/", "\\/").encode()),
    github("body_white_space", BODY + b"\n"),
    github("body_white_space", BODY, signed=BODY + b"\n"),
    github("body_line_ends", b"a\nb", signed=b"a\r\nb"),
    github("body_line_ends", b"a\r\nb", signed=b"a\nb"),
    github("body_line_ends", b"a\r\nb", signed=b"ab"),
    github("body_charset", "é".encode(), signed="é".encode("latin-1")),
    github("body_charset", "é".encode().decode("latin-1").encode(), signed="é".encode()),
    github("body_charset", b"{}", signed=b"\xef\xbb\xbf{}"),
    github("body_gzip", gzip.compress(BODY)),
    github("body_form", BODY, signed=b"payload=" + quote_plus(BODY).encode()),
    github("body_form", b"payload=" + quote_plus(BODY).encode()),
    github("body_quoted", BODY, signed=json.dumps(BODY.decode()).encode()),
    Planted("secret_received", "github", {"X-Hub-Signature-256": f"sha256={GITHUB_SECRET}"}),
    Planted("secret_received", "github", {"X-Hub-Signature-256": GITHUB_SECRET}),
    github("body_empty", BODY, signed=b""),
    github("secret_white_space", BODY, key=GITHUB_SECRET + "\n"),
    github("secret_quoted", BODY, key=f'"{GITHUB_SECRET}"'),
    github("header_prefix", BODY, form="{}"),
    github("framed_code", BODY, form="v1={}"),
    github("token_quoted", BODY, form='"sha256={}"'),
    Planted("other_header", "github", {"X-Hub-Signature": "sha1=" + hmac.digest(GITHUB_SECRET.encode(), BODY, "sha1").hex()}),
    Planted("header_missing", "github", {}),
    standard("secret_not_decoded", key=STANDARD_SECRET.encode()),
    standard("secret_not_decoded", key=STANDARD_SECRET[6:].encode()),
    standard("secret_prefix_decoded", key=base64.b64decode("whsec/" + STANDARD_SECRET[6:] + "==")),
    standard("signed_parts", parts="{time}."),
    standard("signed_parts", parts=""),
    standard("algorithm", algorithm="sha512"),
    standard("header_prefix", form="{}"),
    standard("other_header", names="svix-"),
    standard("delivery_expired", time=NOW - 600),
    standard("delivery_not_yet_valid", time=NOW + 600),
    standard("time_unit", time=NOW * 1000),
    stigg("secret_quoted", f'"{STIGG_SECRET}"'),
    stigg("token_scheme_word", f"Bearer {STIGG_SECRET}"),
    stigg("secret_encoded", base64.b64encode(STIGG_SECRET.encode()).decode()),
    stigg("secret_empty", "undefined"),
    cognito("path_changed", path=COGNITO.path + "/"),
    cognito("path_changed", path="/app" + COGNITO.path),
    cognito("body_json", body=json.dumps(json.loads(COGNITO.body))),
    cognito("unknown_key", Authorization=COGNITO.headers["Authorization"].replace("live_key_", "x")),
    cognito_signed("method_changed", "POST /webhook_receivers/flow"),
    cognito_signed("signed_parts", "", "date digest"),
    cognito("method_changed", method="GET"),
)  # fmt: skip

PAIRS = (
    github("body_json secret_white_space", COMPACT, key=GITHUB_SECRET + "\n"),
    github("body_json header_prefix", SPACED, form="{}"),
    github("body_gzip secret_quoted", gzip.compress(BODY), key=f"'{GITHUB_SECRET}'"),
    standard("secret_not_decoded body_white_space", BODY + b"\n", key=STANDARD_SECRET.encode()),
    standard("signed_parts secret_not_decoded", parts="{time}.", key=STANDARD_SECRET.encode()),
    standard("time_unit body_json", COMPACT, time=NOW * 1000),
    cognito("path_changed body_json", path="/app" + COGNITO.path, body=json.dumps(json.loads(COGNITO.body))),
)  # fmt: skip
