"""Tokens with a planted mistake, and the codes that name it."""

# ruff: noqa: E501  # one line for each mistake

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, NamedTuple
from urllib.parse import quote

from countermark import Principal

SECRET = "signing-secret-for-tests-only-0001"
STAGING = "another-secret-of-staging-for-tests-02"
PREFIXED = "live_secret_" + "abcd1234" * 8
HEX = "0123456789abcdef" * 4
ID = "user-Ab1"
UUID = "3a409367-a417-4d46-9a92-3d7bc5dc4605"
PATH_ID = "org/42 é"
ANN = Principal(ID, email="Ann@b.example", name="Ann Lee", phone="+15550100")

SSO = Principal(ID, email="Ann@b.example", name="Ann Lee", attributes={"nonce": "n"})


class Planted(NamedTuple):
    """A token with a mistake.

    Attributes:
        codes: The codes of the mistake, or of both.
        token: The token.
        scheme: The scheme.
        secret: The secret of the verifying side.
        principal: The principal of the request.
        settings: The account's constants.
        now: The time of the check, in seconds since the epoch; None: the current time.
    """

    codes: str
    token: str
    scheme: str = "castle"
    secret: str = SECRET
    principal: Any = ID
    settings: Any = None
    now: float | None = None


def mac(key: str | bytes, message: str | bytes, algorithm: str = "sha256") -> bytes:
    key, message = (x.encode() if isinstance(x, str) else x for x in (key, message))
    return hmac.digest(key, message, algorithm)


def code(key: str | bytes = SECRET, message: str | bytes = ID, algorithm: str = "sha256") -> str:
    return mac(key, message, algorithm).hex()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def stigg(id: str = ID, signed: str | None = None, secret: str = SECRET) -> str:
    return f"HMAC-SHA256 {id}:{code(secret, id if signed is None else signed)}"


def discourse(id: str, key: str = SECRET, *, decoded: bool = False) -> str:
    """Return a query with a payload and its signature, which may be over the decoded payload."""
    query = f"nonce=n&external_id={id}&email=Ann%40b.example&name=Ann+Lee"
    payload = b64(query.encode())
    return f"sso={quote(payload, safe='')}&sig={code(key, query if decoded else payload)}"


SINGLE = (
    Planted("other_environment", code(STAGING)),
    Planted("secret_white_space", code(SECRET + "\n")),
    Planted("secret_white_space", code(SECRET + "\r\n")),
    Planted("secret_white_space", code(" " + SECRET)),
    Planted("secret_quoted", code(f'"{SECRET}"')),
    Planted("secret_quoted", code(SECRET), secret=f"'{SECRET}'"),
    Planted("secret_bytes_repr", code(str(SECRET.encode()))),
    Planted("secret_prefix_added", code("whsec_" + SECRET)),
    Planted("secret_prefix_added", code("v1,whsec_" + SECRET)),
    Planted("secret_prefix_removed", b64(mac("abcd1234" * 8, ID)), "cognito-flow", PREFIXED),
    Planted("secret_decoded", code(bytes.fromhex(HEX)), secret=HEX),
    Planted("secret_decoded", code(base64.b64decode(HEX)), secret=HEX),
    Planted("secret_not_decoded", code(HEX, "Ann@b.example"), "pylon", HEX, ANN),
    Planted("secret_encoded", code(b64(SECRET.encode()))),
    Planted("secret_case", code(SECRET.upper())),
    Planted("secret_url_encoded", code("a+b/c" + SECRET), secret=quote("a+b/c" + SECRET, safe="")),
    Planted("secret_cut_off", code("part-one"), secret="part-one#" + SECRET),
    Planted("secret_empty", code("")),
    Planted("secret_empty", code("undefined")),
    Planted("secret_variable_name", stigg(secret="STIGG_SIGNING_SECRET"), "stigg"),
    Planted("other_value", code(SECRET, "Ann@b.example"), principal=ANN),
    Planted("other_value", code(SECRET, ID), "crisp", principal=ANN),
    Planted("other_principal", stigg("user-2"), "stigg"),
    Planted("value_shown", stigg("user-2", ID), "stigg"),
    Planted("value_case", code(SECRET, ID.lower())),
    Planted("value_case", stigg(ID, ID.upper()), "stigg"),
    Planted("value_white_space", code(SECRET, ID + "\n")),
    Planted("value_unicode_form", code(SECRET, "e\u0301mile"), principal="\xe9mile"),
    Planted("value_unicode_form", code(SECRET, "\xe9mile"), principal="e\u0301mile"),
    Planted("value_bytes_repr", code(SECRET, f"b'{ID}'")),
    Planted("value_quoted", code(SECRET, f'"{ID}"')),
    Planted("value_unquoted", code(SECRET, ID), principal=f'"{ID}"'),
    Planted("value_uuid_form", code(SECRET, UUID.replace("-", "")), principal=UUID),
    Planted("value_uuid_form", code(SECRET, f"{{{UUID}}}"), principal=UUID),
    Planted("value_number_form", code(SECRET, "7.0"), principal=7),
    Planted("value_number_form", code(SECRET, "7"), principal="007"),
    Planted("value_url_encoded", code(SECRET, quote(PATH_ID, safe="")), principal=PATH_ID),
    Planted("value_url_encoded", code(SECRET, quote(quote(PATH_ID, safe=""))), principal=PATH_ID),
    Planted("value_encoded", code(SECRET, b64(ID.encode()))),
    Planted("value_html_escaped", code(SECRET, "a&amp;b"), principal="a&b"),
    Planted("value_undefined", code(SECRET, "None")),
    Planted("value_refused", b64(mac(SECRET, "a: b")), "cognito-flow", principal="a: b"),
    Planted("value_order", code(SECRET, f"Ann@b.example:{ID}"), "reamaze", principal=ANN),
    Planted("value_separator", code(SECRET, f"{ID}.Ann@b.example"), "reamaze", principal=ANN),
    Planted("message_charset", code(SECRET, "émile".encode("latin-1")), principal="émile"),
    Planted("message_white_space", code(SECRET, f"{ID}:Ann@b.example\n"), "reamaze", principal=ANN),
    Planted("algorithm", code(algorithm="sha1")),
    Planted("algorithm", code(algorithm="sha512")),
    Planted("swapped", code(ID, SECRET)),
    Planted("plain_hash", hashlib.sha256((ID + SECRET).encode()).hexdigest()),
    Planted("plain_hash", hashlib.sha256((SECRET + ID).encode()).hexdigest()),
    Planted("plain_hash", hashlib.sha256(ID.encode()).hexdigest()),
    Planted("code_case", code().upper()),
    Planted("code_case", code(), "talkjs-signature"),
    Planted("code_encoding", b64(mac(SECRET, ID))),
    Planted("code_encoding", code(), "cognito-flow"),
    Planted("code_alphabet", url64(mac(SECRET, "user-11")), "cognito-flow", principal="user-11"),
    Planted("code_padding", b64(mac(SECRET, "user-3")).rstrip("="), "cognito-flow", principal="user-3"),
    Planted("code_marked", "0x" + code()),
    Planted("truncated", code()[:40]),
    Planted("truncated", b64(mac(SECRET, ID))[:30], "cognito-flow"),
    Planted("token_white_space", f" {code()}\n"),
    Planted("token_quoted", f'"{code()}"'),
    Planted("token_bytes_repr", str(code().encode())),
    Planted("token_escaped", b64(mac(SECRET, "u5")).replace("/", "\\/").replace("=", "\\u003d"), "cognito-flow", principal="u5"),
    Planted("token_url_encoded", quote(stigg(), safe=""), "stigg"),
    Planted("token_url_encoded", quote(quote(stigg(), safe="")), "stigg"),
    Planted("token_plus_lost", b64(mac(SECRET, "user-11")).replace("+", " "), "cognito-flow", principal="user-11"),
    Planted("token_line_breaks", code()[:40] + "\n" + code()[40:]),
    Planted("token_encoded", b64(code().encode())),
    Planted("token_doubled", code() * 2),
    Planted("token_doubled", f"{code()}, {code()}"),
    Planted("token_scheme_word", f"Bearer {code()}"),
    Planted("token_header_name", f"X-CUSTOMER-KEY: {stigg()}", "stigg"),
    Planted("frame_case", stigg().replace("HMAC-SHA256", "hmac-sha256"), "stigg"),
    Planted("bare_code", code(), "stigg"),
    Planted("framed_code", f"sha256={code()}"),
    Planted("framed_code", stigg()),
    Planted("payload_differs", discourse("user-2"), "discourse", principal=SSO),
    Planted("value_encoded", discourse(ID, decoded=True), "discourse", principal=SSO),
    Planted("secret_white_space", discourse(ID, SECRET + "\n"), "discourse", principal=SSO),
    Planted("secret_received", SECRET),
    Planted("secret_received", f"HMAC-SHA256 {ID}:{SECRET}", "stigg"),
    Planted("secret_received", f"Bearer {b64(SECRET.encode())}", "stream-chat"),
    Planted("wrong_credential", "client-4f2a", "stigg"),
    Planted("principal_missing", code(), principal=None),
)  # fmt: skip

PAIRS = (
    Planted("other_environment secret_white_space", code(STAGING + "\n")),
    Planted("secret_white_space other_value", code(SECRET + "\n", "Ann@b.example"), principal=ANN),
    Planted("secret_white_space value_case", code(SECRET + "\n", ID.lower())),
    Planted("secret_white_space code_case", code(SECRET + "\n").upper()),
    Planted("secret_white_space code_encoding", b64(mac(SECRET + "\n", ID))),
    Planted("secret_quoted token_quoted", f'"{code(f"{SECRET!r}")}"'),
    Planted("secret_quoted value_quoted", code(f'"{SECRET}"', f'"{ID}"')),
    Planted("secret_prefix_removed code_encoding", mac("abcd1234" * 8, ID).hex(), "cognito-flow", PREFIXED),
    Planted("secret_decoded value_white_space", code(bytes.fromhex(HEX), ID + "\n"), secret=HEX),
    Planted("secret_encoded code_alphabet", url64(mac(b64(SECRET.encode()), "user-1")), "cognito-flow", principal="user-1"),
    Planted("secret_empty other_value", code("", "Ann@b.example"), principal=ANN),
    Planted("secret_case algorithm", code(SECRET.upper(), ID, "sha1")),
    Planted("secret_bytes_repr value_bytes_repr", code(str(SECRET.encode()), f"b'{ID}'")),
    Planted("other_value value_case", code(SECRET, "ann@b.example"), principal=ANN),
    Planted("other_value algorithm", code(SECRET, "Ann@b.example", "sha512"), principal=ANN),
    Planted("other_value swapped", code("Ann@b.example", SECRET), principal=ANN),
    Planted("value_uuid_form code_case", code(SECRET, UUID.replace("-", "")).upper(), principal=UUID),
    Planted("value_uuid_form code_encoding", b64(mac(SECRET, f"{{{UUID}}}")), principal=UUID),
    Planted("value_unicode_form algorithm", code(SECRET, "e\u0301mile", "sha1"), principal="\xe9mile"),
    Planted("value_case truncated", code(SECRET, ID.lower())[:32]),
    Planted("algorithm swapped", code(ID, SECRET, "sha1")),
    Planted("algorithm plain_hash", hashlib.md5(ID.encode()).hexdigest()),
    Planted("token_url_encoded code_case", quote(f"{stigg().upper().replace('USER-AB1', ID)}", safe=""), "stigg"),
    Planted("value_url_encoded token_url_encoded", quote(b64(mac(SECRET, "a%20b")), safe=""), "cognito-flow", principal="a b"),
    Planted("value_case bare_code", code(SECRET, ID.lower()), "stigg"),
    Planted("value_undefined code_encoding", b64(mac(SECRET, "undefined"))),
    Planted("other_principal secret_white_space", stigg("user-2", secret=SECRET + "\n"), "stigg"),
)  # fmt: skip
