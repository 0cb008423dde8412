"""The private keys of a sender: read, used to sign, and made."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from countermark._redaction import shown_variable
from countermark.errors import InvalidKey
from countermark.keys._private import PrivateKey
from countermark.keys._public import PublicKey
from countermark.webhooks._public_key_proof import signed_message, signing_options
from countermark.webhooks._public_keys import check_installed, named_kind
from countermark.webhooks._signing_keys import SigningKey

if TYPE_CHECKING:
    from countermark.keys._keyring import Key, Keyring
    from countermark.webhooks._parts import Secret
    from countermark.webhooks._scheme import WebhookScheme

# In the raw form of Ed25519: the private key, which the public one may follow.
_RAW = 32
_RSA_BITS = 2048


def private_keys(scheme: WebhookScheme, algorithm: str, ring: Keyring) -> list[SigningKey]:
    """Return the private keys of *ring*, ready to sign; the current one is first.

    Raises:
        InvalidKey: A key is not a private key for the scheme.
        ConfigurationError: The package cryptography is not installed.
    """
    check_installed(scheme.slug)
    return [
        SigningKey(role, key.until, _sign_function(loaded, algorithm), _public(scheme, loaded))
        for role, key in ring.by_role()
        for loaded in [_load(scheme, algorithm, key)]
    ]


def new_private_key(scheme: WebhookScheme, algorithm: str) -> str:
    """Return a new private key: raw if the scheme has a prefix for such, and otherwise PEM.

    Raises:
        ConfigurationError: The package cryptography is not installed.
    """
    check_installed(scheme.slug)
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    key: Any
    if algorithm == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    elif algorithm.startswith("rsa-"):
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    if scheme.secret.private_prefix:
        raw = key.private_bytes_raw() + key.public_key().public_bytes_raw()
        return scheme.secret.private_prefix + _encoded(raw, scheme.secret)
    pem: bytes = key.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
    )
    return pem.decode()


def _load(scheme: WebhookScheme, algorithm: str, key: Key) -> Any:
    """Return *key* as an object of the package ``cryptography``; raises InvalidKey."""
    rule = scheme.secret
    which = f" in {shown_variable(rule.private_variable)}" if rule.private_variable else ""
    needs = f"{scheme.slug} needs a private key {named_kind(algorithm)}"
    if isinstance(key, PublicKey) or (
        not isinstance(key, PrivateKey) and rule.prefix and key.starts_with([rule.prefix])
    ):
        raise InvalidKey(f"{needs} to sign; the key{which} is public")
    loaded: Any = None
    if isinstance(key, PrivateKey):
        loaded = key.load()
    elif algorithm == "ed25519" and rule.form in {"hex", "base64"}:
        loaded = _of_raw(key.written(rule.form, rule.private_prefix)._expose())  # noqa: SLF001  # for cryptography
    if loaded is None or not _fits(loaded, algorithm):
        form = f"after {rule.private_prefix}, or " if rule.private_prefix else ""
        raise InvalidKey(f"{needs}; give it {form}in PEM, in place of the key{which}")
    return loaded


def _of_raw(data: bytes) -> Any:
    """Return the private key of Ed25519; None: *data* is not one, or has another public key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if len(data) not in {_RAW, 2 * _RAW}:
        return None
    key = Ed25519PrivateKey.from_private_bytes(data[:_RAW])
    return key if data[_RAW:] in {b"", key.public_key().public_bytes_raw()} else None


def _fits(key: Any, algorithm: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        return algorithm == "ecdsa-p256-sha256" and isinstance(key.curve, ec.SECP256R1)
    if isinstance(key, rsa.RSAPrivateKey):
        return algorithm.startswith("rsa-") and key.key_size >= _RSA_BITS
    return algorithm == "ed25519" and isinstance(key, ed25519.Ed25519PrivateKey)


def _sign_function(key: Any, algorithm: str) -> Callable[[Iterable[bytes]], bytes]:
    options = signing_options(algorithm)

    def sign(message: Iterable[bytes]) -> bytes:
        signature: bytes = key.sign(signed_message(algorithm, b"".join(message)), *options)
        return signature

    return sign


def _public(scheme: WebhookScheme, key: Any) -> str:
    """Return the public key of a private one, in the form in which receivers give it."""
    from cryptography.hazmat.primitives import serialization as forms

    public, rule = key.public_key(), scheme.secret
    if rule.form in {"hex", "base64"}:
        return rule.prefix + _encoded(public.public_bytes_raw(), rule)
    encoding = forms.Encoding.PEM if rule.form == "pem" else forms.Encoding.DER
    data: bytes = public.public_bytes(encoding, forms.PublicFormat.SubjectPublicKeyInfo)
    return data.decode() if rule.form == "pem" else rule.prefix + b64encode(data).decode()


def _encoded(raw: bytes, rule: Secret) -> str:
    return raw.hex() if rule.form == "hex" else b64encode(raw).decode()
