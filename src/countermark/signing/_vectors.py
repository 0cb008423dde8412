"""Computes the published examples of a scheme, and compares the tokens."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from countermark.keys._keyring import Keyring
from countermark.keys._secret import SecretKey
from countermark.principal import Principal
from countermark.schemes._parts import Vector
from countermark.schemes._scheme import Scheme
from countermark.signing._signer import Signer
from countermark.tokens._mac import compile_mac, hmac_states


def check(scheme: Scheme) -> Iterator[tuple[Vector, bool]]:
    """Yield each example of *scheme*, and True if this library makes the same token."""
    for vector in scheme.vectors:
        yield vector, _token(scheme, vector) == vector.token


def _token(scheme: Scheme, vector: Vector) -> str:
    key = SecretKey.of_example(vector.secret)
    if vector.message is not None and scheme.mac is not None:
        return compile_mac(scheme.mac, key, hmac_states(scheme.mac, key))(vector.message)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # examples have short keys
        signer = Signer(scheme, Keyring(key), settings=vector.settings, clock=lambda: vector.now)
    return signer.sign(
        Principal(vector.id or "no-id", email=vector.email, attributes=vector.attributes)
    )
