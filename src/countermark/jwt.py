"""JSON Web Tokens through PyJWT, which only schemes that need it import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from countermark.errors import ConfigurationError, InvalidKey
from countermark.formats import compact_json
from countermark.keys import Key, PrivateKey, SecretKey

_HASHES = {"HS256": "sha256", "HS512": "sha512"}
#: From claims and header, both tables, to the compact form of the token.
Encode = Callable[[dict[str, Any], dict[str, Any]], str]
#: From a token in compact form to whether its signature is good.
Verify = Callable[[str], bool]


def check_kind(algorithm: str, key: Key) -> None:
    """Check that *key* is of the kind that *algorithm* needs.

    Raises:
        InvalidKey: It is of another kind.
        ConfigurationError: The package cryptography is needed, and not installed.
    """
    if algorithm not in _HASHES:
        _loaded(algorithm, key)
    elif not isinstance(key, SecretKey):
        raise InvalidKey(f"{algorithm} needs a shared secret, not a private key")


def compile_jwt(algorithm: str, key: Key) -> Encode:
    """Return the function that makes tokens with *key*.

    Raises:
        InvalidKey: The key is of another kind than the algorithm needs.
        ConfigurationError: PyJWT or cryptography is not installed.
    """
    jws, jwk = _jws(algorithm, key)

    def encode(claims: dict[str, Any], header: dict[str, Any]) -> str:
        token: str = jws.encode(compact_json(claims).encode(), jwk, algorithm, header)
        return token

    return encode


def compile_jwt_check(algorithm: str, key: Key) -> Verify:
    """Return the function that checks the signature of tokens, and nothing else of them.

    They must have been read before: three parts in base64url without padding.

    Raises:
        InvalidKey: The key is of another kind than the algorithm needs.
        ConfigurationError: PyJWT or cryptography is not installed.
    """
    jws, jwk = _jws(algorithm, key)
    from base64 import urlsafe_b64decode

    verify = jws.get_algorithm_by_name(algorithm).verify
    public = jwk.public_key() if jwk else b""

    def check(token: str) -> bool:
        signed, _, code = token.rpartition(".")
        signature = urlsafe_b64decode(code + "=" * (-len(code) % 4))
        good: bool = verify(signed.encode(), public, signature)
        return good

    return check


def _jws(algorithm: str, key: Key) -> tuple[Any, Any]:
    """Return PyJWT with one algorithm, which no header and no claim can change, and its key."""
    try:
        from jwt import PyJWS
    except ModuleNotFoundError as error:
        raise _not_installed(algorithm, error) from error
    if not isinstance(key, SecretKey):
        return PyJWS(algorithms=[algorithm]), _loaded(algorithm, key)
    jws = PyJWS(algorithms=[])
    jws.register_algorithm(algorithm, _keyed(algorithm, key))
    return jws, ""


def _keyed(algorithm: str, key: SecretKey) -> Any:
    """Return PyJWT's HMAC with hashes that are keyed already.

    So the secret reaches no frame of PyJWT, whose locals a traceback may show.
    """
    from jwt.algorithms import HMACAlgorithm

    inner, outer = key.hmac_states(_HASHES[algorithm])

    class KeyedHmac(HMACAlgorithm):
        def prepare_key(self, key: Any) -> bytes:
            return b""

        def check_key_length(self, key: Any) -> None:
            return None  # the signer has warned of a short secret, in its own words

        def sign(self, msg: bytes, key: Any) -> bytes:
            first, second = inner.copy(), outer.copy()
            first.update(msg)
            second.update(first.digest())
            return second.digest()

    return KeyedHmac(getattr(HMACAlgorithm, _HASHES[algorithm].upper()))


def _loaded(algorithm: str, key: Key) -> Any:
    """Return a private key as the package cryptography has it."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
    except ModuleNotFoundError as error:
        raise _not_installed(algorithm, error) from error
    loaded = key.load() if isinstance(key, PrivateKey) else None
    if algorithm == "RS256":
        if isinstance(loaded, rsa.RSAPrivateKey) and loaded.key_size >= 2048:
            return loaded
        raise InvalidKey("RS256 needs a private RSA key of 2048 bits or more, in PEM")
    if isinstance(loaded, ec.EllipticCurvePrivateKey) and loaded.curve.name == "secp256r1":
        return loaded
    raise InvalidKey("ES256 needs a private key on the curve P-256, in PEM")


def _not_installed(algorithm: str, error: ModuleNotFoundError) -> ConfigurationError:
    return ConfigurationError(
        f"tokens with {algorithm} need {error.name}: pip install 'countermark[jwt]'"
    )
