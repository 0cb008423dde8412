"""Recognises what is sent in the place of a token: the secret itself, or another credential.

It is only asked about tokens that are invalid, so valid ones cost nothing.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from countermark.keys._keyring import Key
from countermark.keys._secret import SecretKey
from countermark.schemes._scheme import Scheme

K = TypeVar("K")

_JWT: Final = r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
_HASH: Final = (
    r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{128}|[A-Za-z0-9+/]{43}="
)
#: Credentials of other kinds, by their pattern.
_KINDS: Final = (
    (r"(sha1|sha256|sha512)=[0-9A-Fa-f]+", "the signature of a webhook"),
    (r"t=[0-9]+,v[0-9]=[0-9A-Fa-f]+.*", "the signature of a webhook"),
    (r"v1a?,[A-Za-z0-9+/]+=*( .*)?", "the signature of a webhook"),
    (r"whsec_[A-Za-z0-9+/]+=*", "the secret of a webhook"),
    (r"(pk|publishable)_(live|test)?_?[A-Za-z0-9]+", "a publishable key"),
    (r"(sk|rk)_(live|test)_[A-Za-z0-9]+", "the secret key of an API"),
    (r"-----BEGIN .*", "a key in PEM"),
)
# A token has few words; more are not compared.
_MOST_WORDS: Final = 6


def received_secret(token: str, keys: Iterable[tuple[K, Key]]) -> tuple[K, Key] | None:
    """Return the key that *token* is or contains, with what is paired with it; or None.

    Args:
        token: The token, as it was received.
        keys: The keys, each with a value that the caller gets back.
    """
    words = list(_words(token))
    for named, key in keys:
        if isinstance(key, SecretKey) and key.is_one_of(words):
            return named, key
    return None


def _words(token: str) -> Iterator[bytes]:
    """Yield the token and its parts that may be a secret, as text and decoded from base64."""
    stripped = token.strip().strip("\"'")
    # The secret may contain such characters itself, so each is a border or a part of it.
    borders = islice(re.finditer(r"[\s:=,;]+", stripped), _MOST_WORDS)
    parts = [stripped, *(stripped[border.end() :] for border in borders)]
    for part in dict.fromkeys(parts):
        data = part.encode("utf-8", "surrogatepass")
        yield data
        try:
            yield a2b_base64(data, strict_mode=True).rstrip(b"\r\n")
        except Base64Error:
            continue


def other_kind(scheme: Scheme, token: str) -> str | None:
    """Return the kind of credential that *token* is, if it is not one of the scheme's tokens."""
    text = token.strip().strip("\"'")
    if text.startswith(scheme.refuse_prefixes or ("\0",)):
        return "a publishable key or the id of a key"
    if scheme.jwt is None and re.fullmatch(_JWT, text):
        return "a JSON Web Token"
    if scheme.jwt is not None and re.fullmatch(_HASH, text):
        return "a hash"
    if scheme.jwt is not None and re.fullmatch(r"HMAC-SHA256 .+:[0-9a-f]{64}", text, re.DOTALL):
        return "the token of another vendor"
    return next((kind for pattern, kind in _KINDS if re.fullmatch(pattern, text, re.DOTALL)), None)
