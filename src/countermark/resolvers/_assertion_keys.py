"""The keys that verify an assertion, found by the ``kid`` of its header."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from countermark._option_checks import is_async
from countermark.errors import ConfigurationError
from countermark.keys._public import PublicKey
from countermark.tokens._jwt import Verify, check_installed, compile_jwt_check, public_key_of_jwk

#: One public key: in PEM, as a ``PublicKey``, or as a JSON Web Key.
AssertionKey: TypeAlias = "str | bytes | PublicKey | Mapping[str, Any]"

#: One key for all assertions, a JSON Web Key set, keys by ``kid``, or a function of the ``kid``.
AssertionKeys: TypeAlias = (
    "AssertionKey | Mapping[str, AssertionKey] | Callable[[str], AssertionKey | None]"
)

#: Returns the check of signatures for the ``kid`` of a header, or None.
FindCheck = Callable[[object], "Verify | None"]

# A function may put the kid into the path of a URL, before any signature is checked.
_KID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._=+-]{0,127}")
_KINDS = {"ES256": ("EC", "P-256"), "RS256": ("RSA", None)}


def compile_keys(keys: AssertionKeys, algorithm: str) -> FindCheck:
    """Return the function that finds the check for a ``kid``.

    Raises:
        ConfigurationError: A key is missing or does not fit *algorithm*, or PyJWT or
            cryptography is not installed.
    """
    check_installed(algorithm)
    if isinstance(keys, str | bytes | PublicKey):
        check = _check_of(keys, algorithm, "keys=")
        return lambda kid: check
    if callable(keys):
        return _by_function(keys, algorithm)
    if not isinstance(keys, Mapping):
        raise ConfigurationError(
            "keys= must be a public key in PEM, a JSON Web Key set, a mapping from kid to key,"
            " or a function of the kid"
        )
    listed = keys.get("keys")
    pairs = _pairs_of_set(listed, algorithm) if isinstance(listed, list) else keys.items()
    return _by_kid(pairs, algorithm)


def _by_kid(pairs: Iterable[tuple[str, Any]], algorithm: str) -> FindCheck:
    checks: dict[str, Verify] = {}
    for kid, key in pairs:
        if kid in checks:
            raise ConfigurationError("keys= holds two keys with the same kid; remove one")
        checks[kid] = _check_of(key, algorithm, "a key of keys=")
    if not checks:
        raise ConfigurationError(f"keys= holds no key for {algorithm} that has a kid")
    return lambda kid: checks.get(kid) if isinstance(kid, str) else None


def _by_function(keys: Callable[[str], Any], algorithm: str) -> FindCheck:
    if is_async(keys):
        raise ConfigurationError("keys= must be a plain function, not async; it returns one key")

    def find(kid: object) -> Verify | None:
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            return None
        key = keys(kid)
        return None if key is None else _check_of(key, algorithm, "the key that keys= returned")

    return find


def _check_of(key: object, algorithm: str, name: str) -> Verify:
    if isinstance(key, Mapping):
        if not _is_for(algorithm, key):
            raise ConfigurationError(f"{name} is not a JSON Web Key that verifies {algorithm}")
        key = public_key_of_jwk(key, name)
    elif isinstance(key, str | bytes):
        key = PublicKey(key, name=name)
    if not isinstance(key, PublicKey):
        raise ConfigurationError(f"{name} must be in PEM, a PublicKey or a JSON Web Key")
    return compile_jwt_check(algorithm, key)


def _pairs_of_set(listed: list[Any], algorithm: str) -> list[tuple[str, Any]]:
    """Return the keys of a set that can verify *algorithm*. RFC 7517 ignores others."""
    return [
        (key["kid"], key)
        for key in listed
        if isinstance(key, Mapping) and isinstance(key.get("kid"), str) and _is_for(algorithm, key)
    ]


def _is_for(algorithm: str, jwk: Mapping[str, Any]) -> bool:
    uses = jwk.get("key_ops", ["verify"])
    return (
        (jwk.get("kty"), jwk.get("crv")) == _KINDS[algorithm]
        and jwk.get("alg", algorithm) == algorithm
        and jwk.get("use", "sig") == "sig"
        and isinstance(uses, list)
        and "verify" in uses
    )
