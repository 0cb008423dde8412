"""One id in, one JSON Web Token out, beside PyJWT with the same claims."""

from __future__ import annotations

import time

import jwt

from benchmarks.hot_path import EMPTY_LOOP, calling, empty
from benchmarks.measure import Bar, Suite, Variant
from benchmarks.subject import KEYRING, SECRET, USER_ID
from countermark import Signer

_STREAM = 'Signer("stream-chat").sign(id)'
_TALKJS = 'Signer("talkjs-jwt").sign(id)'
_ONE_CLAIM = "jwt.encode, one claim"
_FOUR_CLAIMS = "jwt.encode, four claims and the time"


def suite() -> Suite:
    """Return the signers of tokens and what they stand beside."""
    stream = Signer("stream-chat", KEYRING)
    talkjs = Signer("talkjs-jwt", KEYRING, settings={"app_id": "app-1"})
    assert stream.sign(USER_ID) == one_claim(USER_ID)
    assert jwt.decode(talkjs.sign(USER_ID), SECRET, ["HS256"]).keys() == four(USER_ID, 0).keys()
    return Suite(
        "JSON Web Tokens, HS256",
        [
            Variant(EMPTY_LOOP, empty),
            Variant(_STREAM, calling(stream.sign), EMPTY_LOOP, ours=True),
            Variant(_TALKJS, calling(talkjs.sign), EMPTY_LOOP, ours=True),
            Variant(_ONE_CLAIM, calling(one_claim), EMPTY_LOOP),
            Variant(_FOUR_CLAIMS, calling(four_claims), EMPTY_LOOP),
        ],
        [
            Bar(f"`{_STREAM}` / {_ONE_CLAIM}", 1.15, _STREAM, _ONE_CLAIM),
            Bar(f"`{_TALKJS}` / {_FOUR_CLAIMS}", 1.15, _TALKJS, _FOUR_CLAIMS),
        ],
        count=60,
    )


def one_claim(id: str) -> str:
    """Sign *id* in the way of Stream."""
    return jwt.encode({"user_id": id}, SECRET, algorithm="HS256")


def four(id: str, exp: int) -> dict[str, object]:
    """Return the claims of TalkJS."""
    return {"tokenType": "user", "iss": "app-1", "sub": id, "exp": exp}


def four_claims(id: str) -> str:
    """Sign *id* in the way of TalkJS."""
    return jwt.encode(four(id, int(time.time()) + 86400), SECRET, algorithm="HS256")
