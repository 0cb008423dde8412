"""Assertions as identity-aware proxies sign them, and the keys that verify them."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NOW = 1_800_000_000.0
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)


def encoded(data: bytes, *, padded: bool = False) -> str:
    text = base64.urlsafe_b64encode(data).decode()
    return text if padded else text.rstrip("=")


def pem(key: Any) -> str:
    text: str = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    return text


def jwk(key: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    """Return the public part of *key* as a JSON Web Key."""
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        found = {"kty": "RSA", "n": _number(numbers.n, 256), "e": _number(numbers.e, 3)}
    else:
        point = {"x": _number(numbers.x, 32), "y": _number(numbers.y, 32)}
        found = {"kty": "EC", "crv": "P-256", **point}
    return found | ({} if kid is None else {"kid": kid}) | more


def _number(value: int, length: int) -> str:
    return encoded(value.to_bytes(length))


def signed(
    key: Any, header: dict[str, Any], claims: dict[str, Any] | str, *, padded: bool = False
) -> str:
    """Return a token without the help of the library that verifies it."""
    body = claims if isinstance(claims, str) else json.dumps(claims)
    text = ".".join(encoded(part.encode(), padded=padded) for part in (json.dumps(header), body))
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32) + s.to_bytes(32)
    return text + "." + encoded(signature, padded=padded)


def without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
