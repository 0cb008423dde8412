"""Up to 8 keys in a keyring: tokens of the first, of the last and of no key."""

from __future__ import annotations

from itertools import repeat

from benchmarks.growth.requests import secret_of, token_of
from benchmarks.hot_path import EMPTY_LOOP, calling, empty
from benchmarks.measure import Bar, Block, Suite, Variant
from benchmarks.subject import USER_ID
from countermark import Keyring, Signer, Verifier

_COUNTS = (1, 2, 8)


def suite() -> Suite:
    """Return one token signed, and one verified, with 1 to 8 keys."""
    variants = [Variant(EMPTY_LOOP, empty)]
    for count in _COUNTS:
        signer = Signer("stigg", keyring(count))
        variants.append(Variant(_of("signed", count), calling(signer.sign), EMPTY_LOOP, ours=True))
    for count in _COUNTS:
        verifier = Verifier("stigg", keyring(count))
        tokens = {
            "first": token_of(secret_of(0)),
            "last": token_of(secret_of(count - 1)),
            "none": token_of(secret_of(99)),
        }
        assert verifier.verify(tokens["last"]).principal_id == USER_ID
        assert verifier.check(tokens["none"]).code == "mismatch"
        for which, token in tokens.items():
            if count > 1 or which != "last":
                block = _checked(verifier, token)
                variants.append(Variant(_of(which, count), block, EMPTY_LOOP, ours=True))
    jwt = {count: _jwt(count) for count in _COUNTS}
    variants += [Variant(_of("jwt", n), block, EMPTY_LOOP, ours=True) for n, block in jwt.items()]
    return Suite(
        "One token, 1 to 8 keys in the keyring",
        variants,
        [
            Bar("signed, 8 keys / one", 1.1, _of("signed", 8), _of("signed", 1)),
            Bar("verified by the first key, 8 keys / one", 1.1, _of("first", 8), _of("first", 1)),
            Bar("verified by the second key / by the first", 3, _of("last", 2), _of("first", 1)),
            Bar("verified by the last of 8 keys / of 2", 6, _of("last", 8), _of("last", 2)),
            Bar("refused, 8 keys / one: linear is 8", 8, _of("none", 8), _of("none", 1)),
        ],
        count=100,
    )


def keyring(count: int) -> Keyring:
    """Return a keyring of *count* keys; all but the first are previous ones."""
    current, *previous = map(secret_of, range(count))
    return Keyring(current, previous=previous)


def _checked(verifier: Verifier, token: str) -> Block:
    def block(count: int) -> None:
        for _ in repeat(None, count):
            verifier.check(token)

    return block


def _jwt(count: int) -> Block:
    token = Signer("stream-chat", Keyring(secret_of(count - 1))).sign(USER_ID)
    verifier = Verifier("stream-chat", keyring(count))
    assert verifier.verify(token).principal_id == USER_ID
    return _checked(verifier, token)


_NAMES = {
    "signed": "signed",
    "first": "verified by the first",
    "last": "verified by the last",
    "none": "refused",
    "jwt": "JSON Web Token, verified by the last",
}


def _of(which: str, count: int) -> str:
    return f"{_NAMES[which]}, {count} key{'s' if count > 1 else ''}"
