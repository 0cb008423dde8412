"""The vendor's public keys, in the form in which it shows them."""

from __future__ import annotations

import re
from typing import Any, Final

from countermark._redaction import shown_variable
from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._checks import bytes_from_base64
from countermark.keys._keyring import Key
from countermark.keys._private import PrivateKey
from countermark.keys._public import PublicKey
from countermark.webhooks._ed25519_points import is_safe_point
from countermark.webhooks._scheme import WebhookScheme

_LEAST_RSA_BITS: Final = 2048
_KINDS: Final = {
    "ed25519": "of Ed25519",
    "ecdsa-p256-sha256": "on the curve P-256",
    "rsa-sha256": f"of RSA with at least {_LEAST_RSA_BITS} bits",
    "rsa-sha256-twice": f"of RSA with at least {_LEAST_RSA_BITS} bits",
}
_FORMS: Final = {
    "pem": "PEM",
    "spki": "the base64 of a DER file",
    "hex": "32 bytes in hexadecimal",
    "base64": "32 bytes in base64",
}


def check_installed(slug: str) -> None:
    """Check that the package cryptography can be imported.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        import cryptography.hazmat.primitives.serialization  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{slug} is signed with public keys, which need {error.name}:"
            " pip install 'countermark[public-keys]'"
        ) from error


def named_kind(algorithm: str) -> str:
    """Return the words for the keys of an algorithm, such as ``of Ed25519``."""
    return _KINDS[algorithm]


def load_public_key(scheme: WebhookScheme, algorithm: str, key: Key) -> Any:
    """Return the public key *key* as an object of the package ``cryptography``.

    A key in PEM is accepted for each scheme.

    Raises:
        InvalidKey: It is not a public key for *algorithm* in the scheme's form.
    """
    rule = scheme.secret
    which = f" in {shown_variable(rule.variable)}" if rule.variable else ""
    if isinstance(key, PrivateKey):
        raise InvalidKey(_private(scheme.slug, which))
    if isinstance(key, PublicKey):
        public = key.load()
    elif key.starts_with(rule.refuse_prefixes):
        raise InvalidKey(
            f"{scheme.slug}: this is a key of another kind, not the public key{which}; copy the"
            " public key of the webhook"
        )
    else:
        readings = key._read_public(lambda text: _readings(text, rule.prefix))
        if "private" in readings:
            raise InvalidKey(_private(scheme.slug, which))
        public = readings.get(rule.form)
        if public is None:
            found = f", but {_FORMS[next(iter(readings))]}" if readings else ""
            begins = f", after {rule.prefix}" if rule.prefix else ""
            raise InvalidKey(
                f"{scheme.slug}: the public key{which} is not {_FORMS[rule.form]}{begins}{found};"
                " copy the vendor's public key as it is shown"
            )
    if not _fits(public, algorithm):
        raise InvalidKey(
            f"{scheme.slug} needs a public key {_KINDS[algorithm]}; the key{which} is not one, so"
            " copy the vendor's again"
        )
    return public


def _private(slug: str, which: str) -> str:
    return (
        f"{slug}: the key{which} is a private key, which only the sender has; give the public key"
        " that belongs to it"
    )


def _readings(text: bytes, prefix: str) -> dict[str, Any]:
    """Return the keys that *text* encodes, by form, and by ``private`` if it is a private key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    written = text.decode(errors="replace").removeprefix(prefix)
    found: dict[str, Any] = {}
    if re.fullmatch("[0-9A-Fa-f]{64}", written):
        found["hex"] = Ed25519PublicKey.from_public_bytes(bytes.fromhex(written))
    try:
        data = bytes_from_base64(written + "=" * (-len(written) % 4))
    except ValueError:
        return found
    if len(data) == 32:
        found["base64"] = Ed25519PublicKey.from_public_bytes(data)
    for form, load in (
        ("spki", serialization.load_der_public_key),
        ("private", lambda data: serialization.load_der_private_key(data, password=None)),
    ):
        try:
            found[form] = load(data)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
    return found


def _fits(public: Any, algorithm: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(public, ed25519.Ed25519PublicKey):
        return algorithm == "ed25519" and is_safe_point(public.public_bytes_raw())
    if isinstance(public, ec.EllipticCurvePublicKey):
        return algorithm == "ecdsa-p256-sha256" and isinstance(public.curve, ec.SECP256R1)
    return (
        isinstance(public, rsa.RSAPublicKey)
        and algorithm in {"rsa-sha256", "rsa-sha256-twice"}
        and public.key_size >= _LEAST_RSA_BITS
    )
