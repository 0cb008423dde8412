"""Key pairs of the tests: signatures by the private key, and the public key in all forms."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALGORITHMS = ("ed25519", "ecdsa-p256-sha256", "rsa-sha256", "rsa-sha256-twice")


@cache
def private_key(algorithm: str, number: int = 0) -> Any:
    """Return the private key *number* of an algorithm."""
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm.startswith("rsa-"):
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


@cache  # a signature of ECDSA contains a random number
def sign(algorithm: str, message: bytes, number: int = 0) -> bytes:
    """Return a signature by the private key *number*."""
    options: dict[str, tuple[Any, ...]] = {
        "ed25519": (),
        "ecdsa-p256-sha256": (ec.ECDSA(SHA256()),),
        "rsa-sha256": (padding.PKCS1v15(), SHA256()),
        "rsa-sha256-twice": (padding.PKCS1v15(), SHA256()),
    }
    if algorithm == "rsa-sha256-twice":
        message = hashlib.sha256(message).digest()
    signature: bytes = private_key(algorithm, number).sign(message, *options[algorithm])
    return signature


def public_key(algorithm: str, form: str = "pem", number: int = 0) -> str:
    """Return the public key *number* in a form of the language, without a prefix."""
    public = private_key(algorithm, number).public_key()
    if form in {"pem", "spki"}:
        encoding = Encoding.PEM if form == "pem" else Encoding.DER
        data: bytes = public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        return data.decode() if form == "pem" else b64encode(data).decode()
    raw: bytes = public.public_bytes_raw()
    return raw.hex() if form == "hex" else b64encode(raw).decode()
