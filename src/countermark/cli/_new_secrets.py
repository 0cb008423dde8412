"""New secrets, in the form that a scheme needs."""

from __future__ import annotations

import secrets
from base64 import b64encode

from countermark.errors import ConfigurationError
from countermark.schemes._scheme import Scheme
from countermark.verifying._origins import LIVE

# The bytes of a shared secret. As text it has twice as many, so that HS512, which needs 64
# (RFC 7518, section 3.2), takes it too.
_BYTES = 32


def new_secret(scheme: Scheme, environment: str | None = None) -> str:
    """Return a new secret for *scheme*: 256 bits in its encoding, or a private key in PEM.

    Args:
        scheme: The scheme.
        environment: The environment, if the scheme's secrets show theirs; None: one that is
            not ``live``.

    Raises:
        ConfigurationError: The scheme has no such environment, or the package cryptography
            is not installed.
    """
    if scheme.jwt is not None and not scheme.jwt.algorithm.startswith("HS"):
        return _private_key(scheme.jwt.algorithm)
    prefix = _prefix(scheme, environment)
    return prefix + _encoded(scheme.mac.key if scheme.mac else "text")


def _encoded(form: str) -> str:
    # Hexadecimal for texts too: no shell or environment file needs quotes for it.
    if form == "base64":
        return b64encode(secrets.token_bytes(_BYTES)).decode()
    return secrets.token_hex(_BYTES)


def _prefix(scheme: Scheme, environment: str | None) -> str:
    names = tuple(scheme.environments)
    if environment is None:
        environment = next((name for name in names if name != LIVE), None)
        return "" if environment is None else _first(scheme.environments[environment])
    if environment not in names:
        having = f"it has {' and '.join(names)}" if names else "its secrets show none"
        raise ConfigurationError(f"{scheme.slug} has no environment of that name; {having}")
    return _first(scheme.environments[environment])


def _first(prefixes: tuple[str, ...]) -> str:
    return prefixes[0] if prefixes else ""


def _private_key(algorithm: str) -> str:
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"private keys need {error.name}: pip install 'countermark[jwt]'"
        ) from error
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if algorithm == "RS256":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(ec.SECP384R1() if algorithm == "ES384" else ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
