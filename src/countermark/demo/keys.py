"""The keys of the demo: those of the vendors' examples, and others that the process makes."""

from __future__ import annotations

import secrets
from functools import cache

from countermark import Keyring, Scheme
from countermark.demo import SCHEMES

LIVE = "live"


def other_environment(scheme: Scheme) -> str:
    """Return the name of the environment whose key is deployed by mistake."""
    return next((name for name in scheme.environments if name != LIVE), "staging")


@cache
def secret_of(slug: str, environment: str = LIVE) -> str:
    """Return the secret of a scheme in an environment. No page may contain it."""
    scheme = Scheme.load(slug)
    if slug in SCHEMES and environment == LIVE:
        return scheme.vectors[0].secret
    if scheme.jwt is not None and not scheme.jwt.algorithm.startswith("HS"):
        return _private_key(scheme.jwt.algorithm)
    prefix = f"{environment}_secret_" if scheme.environments else ""
    # Hexadecimal digits serve as text and as the key of a scheme that decodes them.
    return prefix + secrets.token_hex(40)


def keyring_of(slug: str, environment: str = LIVE) -> Keyring:
    """Return the keyring of a scheme in an environment."""
    return Keyring(secret_of(slug, environment))


def _private_key(algorithm: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = (
        rsa.generate_private_key(65537, 2048)
        if algorithm == "RS256"
        else ec.generate_private_key(ec.SECP384R1() if algorithm == "ES384" else ec.SECP256R1())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
