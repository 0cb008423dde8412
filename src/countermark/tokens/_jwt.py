"""JSON Web Tokens by PyJWT, which is imported for schemes that need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from countermark.errors import ConfigurationError, InvalidKey
from countermark.keys._keyring import Key
from countermark.keys._private import PrivateKey
from countermark.keys._public import PublicKey
from countermark.keys._secret import SecretKey
from countermark.schemes._formats import compact_json

if TYPE_CHECKING:
    from hashlib import _Hash

_HASHES = {"HS256": "sha256", "HS512": "sha512"}
#: The curves of ECDSA, as cryptography and the standards call them (RFC 7518, section 3.4).
_CURVES = {"ES256": ("secp256r1", "P-256"), "ES384": ("secp384r1", "P-384")}
#: Takes claims and header, and returns the compact form of the token.
Encode = Callable[[dict[str, Any], dict[str, Any]], str]
#: Takes a token in compact form, and returns whether its signature is valid.
Verify = Callable[[str], bool]


def check_kind(algorithm: str, key: Key, *, signs: bool) -> None:
    """Check that *key* is of the kind that *algorithm* needs to sign, or otherwise to verify.

    Raises:
        InvalidKey: It is of another kind.
        ConfigurationError: The package cryptography is needed and not installed.
    """
    if algorithm not in _HASHES:
        _loaded(algorithm, key, signs=signs)
    elif not isinstance(key, SecretKey):
        raise InvalidKey(
            f"{algorithm} needs a shared secret, not a key in PEM; give the secret, as text"
        )


def compile_jwt(algorithm: str, key: Key) -> Encode:
    """Return the function that makes tokens with *key*.

    Raises:
        InvalidKey: The key is of another kind than the algorithm needs.
        ConfigurationError: PyJWT or cryptography is not installed.
    """
    jws = _jws(algorithm, key)
    jwk = "" if isinstance(key, SecretKey) else _loaded(algorithm, key, signs=True)

    def encode(claims: dict[str, Any], header: dict[str, Any]) -> str:
        token: str = jws.encode(compact_json(claims).encode(), jwk, algorithm, header)
        return token

    return encode


def compile_jwt_check(algorithm: str, key: Key) -> Verify:
    """Return the function that checks the signature of tokens, and nothing else.

    The tokens must have been read before: three parts in base64url without padding.

    Raises:
        InvalidKey: The key is of another kind than the algorithm needs.
        ConfigurationError: PyJWT or cryptography is not installed.
    """
    from base64 import urlsafe_b64decode

    verify = _jws(algorithm, key).get_algorithm_by_name(algorithm).verify
    public = b"" if isinstance(key, SecretKey) else _loaded(algorithm, key, signs=False)

    def check(token: str) -> bool:
        signed, _, code = token.rpartition(".")
        signature = urlsafe_b64decode(code + "=" * (-len(code) % 4))
        valid: bool = verify(signed.encode(), public, signature)
        return valid

    return check


def check_installed(algorithm: str) -> None:
    """Check that tokens with *algorithm*, which needs a public key, can be verified.

    Raises:
        ConfigurationError: PyJWT or cryptography is not installed.
    """
    try:
        import cryptography  # noqa: F401
        import jwt  # noqa: F401
    except ModuleNotFoundError as error:
        raise _not_installed(algorithm, error) from error


def public_key_of_jwk(jwk: Mapping[str, Any], name: str) -> PublicKey:
    """Return the public key of an asymmetric JSON Web Key (RFC 7517). It needs PyJWT.

    Raises:
        InvalidKey: It is not a public key, or cannot be read; the message calls it *name*.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from jwt import PyJWK, PyJWTError

    if "d" in jwk:
        raise InvalidKey(f"{name} is a private key; give the public one")
    try:
        loaded = PyJWK(dict(jwk)).key
        pem = loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    except (PyJWTError, ValueError, TypeError) as error:
        raise InvalidKey(f"{name} is not a JSON Web Key that can be read") from error
    return PublicKey(pem, name=name)


def _jws(algorithm: str, key: Key) -> Any:
    """Return PyJWT with one algorithm, which the token cannot change."""
    try:
        from jwt import PyJWS
    except ModuleNotFoundError as error:
        raise _not_installed(algorithm, error) from error
    if not isinstance(key, SecretKey):
        return PyJWS(algorithms=[algorithm])
    jws = PyJWS(algorithms=[])
    jws.register_algorithm(algorithm, _keyed(algorithm, key))
    return jws


def _keyed(algorithm: str, key: SecretKey) -> Any:
    """Return PyJWT's HMAC with hashes that are keyed already.

    The secret then reaches no frame of PyJWT, and so no traceback.
    """
    from jwt.algorithms import HMACAlgorithm

    made = _class_on(HMACAlgorithm)(getattr(HMACAlgorithm, _HASHES[algorithm].upper()))
    made.states = key.hmac_states(_HASHES[algorithm])
    return made


@cache
def _class_on(base: Any) -> Any:
    """Return the class of PyJWT's HMAC with keyed hashes. Each tenant's signer has an object."""

    class KeyedHmac(base):  # type: ignore[misc]
        states: tuple[_Hash, _Hash]

        def prepare_key(self, key: Any) -> bytes:
            return b""

        def check_key_length(self, key: Any) -> None:
            return None  # the signer warns of a short secret itself

        def sign(self, msg: bytes, key: Any) -> bytes:
            inner, outer = self.states
            first, second = inner.copy(), outer.copy()
            first.update(msg)
            second.update(first.digest())
            return second.digest()

    return KeyedHmac


def _loaded(algorithm: str, key: Key, *, signs: bool) -> Any:
    """Return a key as an object of cryptography: private to sign, public to verify."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
    except ModuleNotFoundError as error:
        raise _not_installed(algorithm, error) from error
    loaded: Any = None
    if isinstance(key, PrivateKey):
        loaded = key.load() if signs else key.load().public_key()
    elif not isinstance(key, SecretKey) and not signs:
        loaded = key.load()
    kind = "private" if signs else "public or private"
    if algorithm == "RS256":
        wanted: Any = rsa.RSAPrivateKey if signs else rsa.RSAPublicKey
        if isinstance(loaded, wanted) and loaded.key_size >= 2048:
            return loaded
        raise InvalidKey(
            f"RS256 needs a {kind} RSA key of 2048 bits or more, in PEM; give one of that kind"
        )
    wanted = ec.EllipticCurvePrivateKey if signs else ec.EllipticCurvePublicKey
    curve, name = _CURVES[algorithm]
    if isinstance(loaded, wanted) and loaded.curve.name == curve:
        return loaded
    raise InvalidKey(
        f"{algorithm} needs a {kind} key on the curve {name}, in PEM; give one of that kind"
    )


def _not_installed(algorithm: str, error: ModuleNotFoundError) -> ConfigurationError:
    return ConfigurationError(
        f"tokens with {algorithm} need {error.name}: pip install 'countermark[jwt]'"
    )
