"""The ways to compute a code: the scheme's, another hash, a plain hash, swapped arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from countermark.keys._secret import SecretKey
from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._explanation import Mistakes
from countermark.mistakes._search import Way

#: The names of the hashes, as vendors write them, and their sizes in bytes.
HASHES: Final = {
    "sha256": ("SHA-256", 32),
    "sha1": ("SHA-1", 20),
    "sha512": ("SHA-512", 64),
    "sha384": ("SHA-384", 48),
    "md5": ("MD5", 16),
}

#: What is hashed, for messages, by construction. HMAC and its swapped form are not in it.
_PLAIN: Final = {
    "message": "the message alone",
    "prefix": "the secret followed by the message",
    "suffix": "the message followed by the secret",
}


def ways(algorithm: str, construction: str) -> list[Way]:
    """Return the scheme's own way first, and then those with a mistake."""
    own = HASHES[algorithm][0]
    found = []
    for name, (shown, size) in HASHES.items():
        hash_: Mistakes = ()
        if name != algorithm:
            hash_ = (mistake("algorithm", which=shown, wanted=own),)
        for kind in ("hmac", "suffix", "prefix", "message", "swapped"):
            steps = hash_
            if kind != construction:
                wanted = (
                    f"HMAC-{own}" if construction == "hmac" else f"a hash of {_PLAIN['suffix']}"
                )
                steps = (*hash_, _construction(kind, shown, wanted))
            found.append(Way(_computing(kind, name), size, steps))
    return sorted(found, key=lambda way: len(way.mistakes))


def _construction(kind: str, shown: str, wanted: str) -> Mistake:
    if kind == "swapped":
        return mistake("swapped")
    if kind == "hmac":
        return mistake("construction", which=f"HMAC-{shown}", wanted=wanted)
    return mistake("plain_hash", which=_PLAIN[kind], wanted=wanted)


def _computing(kind: str, algorithm: str) -> Callable[[SecretKey, bytes], bytes]:
    """Return the function of a key and a message."""

    def digest(data: bytes) -> bytes:
        # MD5 is only compared with what was received, and makes no token.
        return hashlib.new(algorithm, data, usedforsecurity=False).digest()

    def keyed(key: SecretKey, message: bytes) -> bytes:
        inner, outer = key.hmac_states(algorithm)
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def swapped(key: SecretKey, message: bytes) -> bytes:
        from hmac import digest as hmac_digest

        return key._digest_of(lambda secret: hmac_digest(message, secret, algorithm))

    return {
        "hmac": keyed,
        "suffix": lambda key, message: key._digest_of(lambda secret: digest(message + secret)),
        "prefix": lambda key, message: key._digest_of(lambda secret: digest(secret + message)),
        "message": lambda key, message: digest(message),
        "swapped": swapped,
    }[kind]
