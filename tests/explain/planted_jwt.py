"""JSON Web Tokens with planted mistakes, and the codes that name them."""

# ruff: noqa: E501  # one line for each mistake

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from countermark import Principal
from tests.explain.planted import SECRET, STAGING, Planted, b64, mac, url64
from tests.samples import private_key

NOW = 1_800_000_000
SETTINGS = {"environment_id": "env-1"}
SIGMA = {"client_id": "client-1"}


def planted(
    codes: str,
    token: str,
    scheme: str = "drift",
    principal: Any = "u1",
    settings: Any = None,
    *,
    key: str = SECRET,
) -> Planted:
    """Return a JSON Web Token with a mistake."""
    return Planted(codes, token, scheme, key, principal, settings, NOW)


def part(content: object) -> str:
    return url64(json.dumps(content, separators=(",", ":")).encode())


def jwt(
    claims: dict[str, Any] | None = None,
    key: str | bytes = SECRET,
    algorithm: str = "HS256",
    hash: str | None = None,
    encode: Callable[[bytes], str] = url64,
    **header: Any,
) -> str:
    claims = {"sub": "u1", "exp": NOW + 60} if claims is None else claims
    signed = f"{part({'alg': algorithm, 'typ': 'JWT', **header})}.{part(claims)}"
    name = hash or {"HS256": "sha256", "HS512": "sha512"}[algorithm]
    return f"{signed}.{encode(mac(key, signed, name))}"


@cache
def es256(*, der: bool) -> str:
    signed = f"{part({'alg': 'ES256'})}.{part({'iss': 'app', 'exp': NOW + 60, 'identity': {'external_id': 'u1'}})}"  # fmt: skip
    loaded: Any = load_pem_private_key(private_key("ES256")[0].encode(), None)
    signature = loaded.sign(signed.encode(), ec.ECDSA(SHA256()))
    if not der:
        signature = b"".join(n.to_bytes(32) for n in utils.decode_dss_signature(signature))
    return f"{signed}.{url64(signature)}"


@cache
def rs256(claims: str) -> str:
    signed = f"{part({'alg': 'RS256'})}.{url64(claims.encode())}"
    loaded: Any = load_pem_private_key(private_key("RS256")[0].encode(), None)
    return f"{signed}.{url64(loaded.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


def padded(token: str) -> str:
    """Return *token* with the padding of base64 in its signature."""
    return token + "="


def standard_alphabet() -> str:
    """Return a token with claims in the standard alphabet of base64."""
    claims = json.dumps({"sub": "ÿÿÿ"}, ensure_ascii=False).encode()
    signed = f"{part({'alg': 'HS256'})}.{b64(claims).rstrip('=')}"
    assert "/" in signed
    return f"{signed}.{url64(mac(SECRET, signed))}"


def swapped() -> str:
    """Return a token whose key and message are in each other's place."""
    signed = jwt().rpartition(".")[0]
    return f"{signed}.{url64(mac(signed, SECRET))}"


ANN = Principal("u1", email="ann@b.example")
CKEDITOR = {"aud": "env-1", "iat": NOW, "sub": "u1", "user": {}}
SIGMA_CLAIMS = {"iss": "client-1", "sub": "ann@b.example", "jti": "j", "iat": NOW, "exp": NOW + 9}

SINGLE = (
    planted("secret_white_space", jwt(key=SECRET + "\n")),
    planted("secret_encoded", jwt(key=b64(SECRET.encode()))),
    planted("other_environment", jwt(key=STAGING)),
    planted("secret_empty", jwt(key="")),
    planted("expired", jwt({"sub": "u1", "exp": NOW - 500})),
    planted("not_yet_valid", jwt({"sub": "u1", "nbf": NOW + 500})),
    planted("jwt_milliseconds", jwt({"sub": "u1", "exp": (NOW + 60) * 1000})),
    planted("jwt_time_type", jwt({"sub": "u1", "exp": str(NOW + 60)})),
    planted("jwt_algorithm", jwt(algorithm="HS512")),
    planted("jwt_algorithm", rs256('{"sub":"u1"}')),
    planted("algorithm", jwt(hash="sha512")),
    planted("swapped", swapped()),
    planted("jwt_unsigned", f"{part({'alg': 'none'})}.{part({'sub': 'u1'})}."),
    planted("jwt_signature_hex", jwt(encode=bytes.hex)),
    planted("jwt_signature_of_hex", jwt(encode=lambda code: url64(code.hex().encode()))),
    planted("jwt_encoding", padded(jwt())),
    planted("jwt_missing", jwt({"user": "u1"})),
    planted("jwt_type", jwt({"sub": ["u1"]})),
    planted("other_principal", jwt({"sub": "u2"})),
    planted("value_case", jwt({"sub": "U1"})),
    planted("value_uuid_form", jwt({"sub": "{3A409367-A417-4D46-9A92-3D7BC5DC4605}"}), principal="3a409367-a417-4d46-9a92-3d7bc5dc4605"),
    planted("jwt_audience", jwt(CKEDITOR | {"aud": "env-2"}), "ckeditor", "u1", SETTINGS),
    planted("jwt_issuer", jwt(SIGMA_CLAIMS | {"iss": "x"}, kid="client-1"), "sigma", ANN, SIGMA),
    planted("jwt_key_id", jwt(SIGMA_CLAIMS, kid="client-2"), "sigma", ANN, SIGMA),
    planted("jwt_constant", jwt({"scope": "app", "external_id": "u1"}, kid="k"), "sunshine-conversations", "u1", {"key_id": "k"}),
    planted("jwt_signature_der", es256(der=True), "onesignal-jwt", "u1", {"app_id": "app"}, key=private_key("ES256")[0]),
    planted("jwt_constant", jwt({"dest": "api.smile.io", "sub": "email:u1", "exp": NOW + 9}), "smile-io", "u1", {"id_type": "id"}),
    planted("value_case", jwt({"dest": "api.smile.io", "sub": "id:U1", "exp": NOW + 9}), "smile-io", "u1", {"id_type": "id"}),
    planted("jwt_missing", jwt({"name": "Ann"}), "featurebase-jwt"),
    planted("jwt_issuer", jwt({"email": "ann@b.example", "iss": "x", "iat": NOW, "exp": NOW + 9}), "website-toolbox", ANN),
    planted("jwt_encoding", standard_alphabet(), principal="ÿÿÿ"),
    planted("token_scheme_word", f"Bearer {jwt()}"),
    planted("token_quoted", f'"{jwt()}"'),
    planted("truncated", jwt()[:-20]),
    planted("wrong_credential", mac(SECRET, "u1").hex(), "stream-chat"),
    planted("old_scheme", mac(SECRET, "u1").hex(), "intercom-jwt"),
    planted("other_scheme", jwt({"user_id": "u1"}), "intercom-hmac"),
    planted("wrong_credential", jwt({"user_id": "u1"}), "castle"),
)  # fmt: skip

SEVERAL = (
    planted("expired secret_white_space", jwt({"sub": "u1", "exp": NOW - 500}, SECRET + "\n")),
    planted("expired value_case", jwt({"sub": "U1", "exp": NOW - 5000})),
    planted("jwt_algorithm secret_quoted", jwt(key=f'"{SECRET}"', algorithm="HS512")),
    planted("jwt_algorithm algorithm", jwt(algorithm="HS512", hash="sha256")),
    planted("jwt_audience secret_prefix_added", jwt(CKEDITOR | {"aud": "e"}, "whsec_" + SECRET), "ckeditor", "u1", SETTINGS),
    planted("jwt_encoding other_environment", padded(jwt(key=STAGING))),
    planted("jwt_issuer jwt_key_id", jwt(SIGMA_CLAIMS | {"iss": "x"}, kid="y"), "sigma", ANN, SIGMA),
    planted("jwt_signature_hex secret_decoded", jwt(key=bytes.fromhex("0123456789abcdef" * 4), encode=bytes.hex), key="0123456789abcdef" * 4),
    planted("token_quoted expired", f"'{jwt({'sub': 'u1', 'exp': NOW - 500})}'"),
    planted("jwt_milliseconds other_principal", jwt({"sub": "u2", "exp": NOW * 1000})),
    planted("jwt_milliseconds jwt_time_type", jwt({"sub": "u1", "exp": NOW * 1000, "iat": "now"})),
)  # fmt: skip
