"""One id in, one token out."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from itertools import repeat

import itsdangerous
import jwt
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey

from benchmarks.measure import Bar, Block, Suite, Variant
from benchmarks.subject import KEYRING, SECRET, SECRET_TEXT, TOKEN, USER_ID
from countermark import Signer

EMPTY_LOOP = "an empty loop"
_COGNITO = 'Signer("cognito-flow").sign(id)'
_STIGG = 'Signer("stigg").sign(id)'
_B64_DIGEST = "b64encode(hmac.digest(...)).decode()"
_HEX_NEW = "f-string over hmac.new(...).hexdigest()"


def suite() -> Suite:
    """Return the signers and their peers."""
    cognito, stigg = Signer("cognito-flow", KEYRING), Signer("stigg", KEYRING)
    assert cognito.sign(USER_ID) == b64_digest(USER_ID)
    assert stigg.sign(USER_ID) == hex_new(USER_ID) == TOKEN
    return Suite(
        "Hot path: a UUID of 36 characters, a token as text",
        [
            Variant(EMPTY_LOOP, empty),
            _variant(_COGNITO, cognito.sign, ours=True),
            _variant(_STIGG, stigg.sign, ours=True),
            _variant(_B64_DIGEST, b64_digest),
            _variant(_HEX_NEW, hex_new),
            _variant("hmac.digest(...).hex()", hex_digest),
            _variant("itsdangerous Signer, SHA-256, no derivation", _itsdangerous()),
            _variant("PyJWT encode, HS256", _pyjwt),
            _variant("joserfc jwt.encode, HS256", _joserfc()),
        ],
        [
            Bar(f"`{_COGNITO}` / `{_B64_DIGEST}`", 0.5, _COGNITO, _B64_DIGEST),
            Bar(f"`{_STIGG}` / {_HEX_NEW}", 0.6, _STIGG, _HEX_NEW),
        ],
        count=300,
    )


def b64_digest(id: str) -> str:
    """Sign *id* in the way of Cognito Flow."""
    return base64.b64encode(hmac.digest(SECRET, id.encode(), "sha256")).decode()


def hex_new(id: str) -> str:
    """Sign *id* in the way of Stigg."""
    return f"HMAC-SHA256 {id}:{hmac.new(SECRET, id.encode(), hashlib.sha256).hexdigest()}"


def hex_digest(id: str) -> str:
    """Return the bare HMAC, as one line of the standard library has it."""
    return hmac.digest(SECRET, id.encode(), "sha256").hex()


def empty(count: int) -> None:
    """Do nothing *count* times."""
    for _ in repeat(None, count):
        pass


def calling(function: Callable[[str], object]) -> Block:
    """Return the block that calls *function* with an id."""

    def block(count: int) -> None:
        id = USER_ID
        for _ in repeat(None, count):
            function(id)

    return block


def _variant(name: str, function: Callable[[str], object], *, ours: bool = False) -> Variant:
    return Variant(name, calling(function), base=EMPTY_LOOP, ours=ours)


def _itsdangerous() -> Callable[[str], object]:
    signer = itsdangerous.Signer(SECRET, key_derivation="none", digest_method=hashlib.sha256)
    return signer.sign


def _pyjwt(id: str) -> str:
    return jwt.encode({"user_id": id}, SECRET, algorithm="HS256")


def _joserfc() -> Callable[[str], object]:
    key = OctKey.import_key(SECRET_TEXT)

    def encode(id: str) -> str:
        return joserfc_jwt.encode({"alg": "HS256"}, {"user_id": id}, key)

    return encode
