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
_TWO_CLAIMS = "jwt.encode, two claims and the time"
_FOUR_CLAIMS = "jwt.encode, four claims and the time"


def suite() -> Suite:
    """Return the signers of tokens and what they stand beside."""
    stream = Signer("stream-chat", KEYRING)
    talkjs = Signer("talkjs-jwt", KEYRING, settings={"app_id": "app-1"})
    assert _claims(stream.sign(USER_ID)) == _claims(two_claims(USER_ID))
    assert _claims(talkjs.sign(USER_ID)) == _claims(four_claims(USER_ID))
    return Suite(
        "JSON Web Tokens, HS256",
        [
            Variant(EMPTY_LOOP, empty),
            Variant(_STREAM, calling(stream.sign), EMPTY_LOOP, ours=True),
            Variant(_TALKJS, calling(talkjs.sign), EMPTY_LOOP, ours=True),
            Variant(_TWO_CLAIMS, calling(two_claims), EMPTY_LOOP),
            Variant(_FOUR_CLAIMS, calling(four_claims), EMPTY_LOOP),
        ],
        [
            Bar(f"`{_STREAM}` / {_TWO_CLAIMS}", 1.15, _STREAM, _TWO_CLAIMS),
            Bar(f"`{_TALKJS}` / {_FOUR_CLAIMS}", 1.15, _TALKJS, _FOUR_CLAIMS),
        ],
        count=60,
    )


def two_claims(id: str) -> str:
    """Sign *id* in the way of Stream."""
    return jwt.encode({"user_id": id, "iat": int(time.time())}, SECRET, algorithm="HS256")


def four_claims(id: str) -> str:
    """Sign *id* in the way of TalkJS."""
    claims = {"tokenType": "user", "iss": "app-1", "sub": id, "exp": int(time.time()) + 86400}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def _claims(token: str) -> dict[str, object]:
    """Return the claims of *token*, with types in place of times: the clock may have moved."""
    claims = jwt.decode(token, SECRET, ["HS256"])
    return claims | {name: type(claims[name]) for name in ("iat", "exp") if name in claims}
