"""Explains JSON Web Tokens: their signature, and then all of their claims."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._explanation import UNEXPLAINED, Explanation, Mistakes
from countermark.mistakes._jwt_claims import Clock, mistakes_in_claims
from countermark.mistakes._keys import all_keys, candidate_keys
from countermark.mistakes._messages import folded, texts_of
from countermark.mistakes._search import Code, Message, search
from countermark.mistakes._ways import HASHES, ways
from countermark.mistakes._wrappings import unwrapped
from countermark.principal import Signable
from countermark.schemes._scheme import Scheme
from countermark.tokens._jwt import compile_jwt_check

_HMAC: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


class JwtReading(NamedTuple):
    """A token in three parts, decoded leniently."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: str
    signature: str
    mistakes: Mistakes

    def __repr__(self) -> str:
        return "<JwtReading>"


def explain_jwt(
    scheme: Scheme,
    keyring: Keyring,
    others: Mapping[str, Keyring],
    token: str,
    principal: Signable | None,
    *,
    clock: Clock,
) -> Explanation:
    """Return the mistakes that explain a JSON Web Token that the scheme refuses.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        keyring: The keys that are accepted.
        others: Keyrings of other environments, by name.
        token: The token, as it was received.
        principal: The principal that came with it, or None.
        clock: The time.
    """
    jwt = scheme.jwt
    assert jwt is not None  # noqa: S101  # or its tokens have a code
    reading = next(readings(token), None)
    if reading is None:
        return UNEXPLAINED
    own = {name: folded(scheme, name, text) for name, text in texts_of(principal).items()}
    in_claims = tuple(mistakes_in_claims(jwt, reading.header, reading.claims, own, clock))
    found = _of_signature(reading, jwt.algorithm, keyring, others, scheme.variable)
    if not found:
        return UNEXPLAINED._replace(remarks=(*reading.mistakes, *in_claims))
    first, *rest = [(*reading.mistakes, *steps, *in_claims) for steps in found]
    if not first:
        return UNEXPLAINED
    return Explanation("explained", first, tuple(rest), signed=_shown(reading))


def _shown(reading: JwtReading) -> str:
    """Return the header and the claims as JSON, in lines."""
    return "\n".join(json.dumps(part) for part in (reading.header, reading.claims))


def readings(token: str) -> Iterator[JwtReading]:
    """Yield the readings of a token, those with fewer mistakes first."""
    for outer in unwrapped(token):
        parts = outer.text.split(".")
        if len(parts) != 3:
            continue
        header, claims = map(_object, parts[:2])
        if header is not None and claims is not None:
            signed = outer.text.rpartition(".")[0]
            steps = (*outer.mistakes, *_of_encoding(outer.text))
            yield JwtReading(header, claims, signed, parts[2], steps)


def _of_encoding(token: str) -> Iterator[Mistake]:
    if "=" in token:
        yield mistake("jwt_encoding", which="padding")
    if set(token) & set("+/"):
        yield mistake("jwt_encoding", which="the standard alphabet")


def _decoded(part: str) -> bytes | None:
    bare = part.rstrip("=").replace("+", "-").replace("/", "_")
    if not re.fullmatch("[A-Za-z0-9_-]*", bare) or len(bare) % 4 == 1:
        return None
    return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def _object(part: str) -> dict[str, Any] | None:
    data = _decoded(part)
    try:
        found = None if data is None else json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _of_signature(
    reading: JwtReading, wanted: str, keyring: Keyring, others: Mapping[str, Keyring], variable: str
) -> list[Mistakes]:
    """Return the mistakes that explain the signature, the simplest; empty: it is unexplained."""
    named = reading.header.get("alg")
    if not isinstance(named, str) or named.lower() == "none":
        return [(mistake("jwt_unsigned", wanted=wanted),)]
    of_header: Mistakes = ()
    if named != wanted:
        shown = named if re.fullmatch("[A-Za-z0-9-]{1,12}", named) else "unknown"
        of_header = (mistake("jwt_algorithm", which=shown, wanted=wanted),)
    if wanted not in _HMAC or named not in _HMAC:
        # Keys of the one kind are of no use for the other: the header is the whole explanation.
        return [of_header] if of_header else _by_public_key(reading, wanted, keyring, others)
    codes = _codes(reading.signature, HASHES[_HMAC[named]][1])
    keys = candidate_keys(keyring, others, variable=variable)
    message = Message(reading.signed.encode("utf-8", "surrogatepass"))
    found = search(codes, keys, [message], ways(_HMAC[named], "hmac"))
    return [(*of_header, *one.mistakes) for one in found]


def _codes(signature: str, size: int) -> list[Code]:
    found = []
    length = str(-(-size * 4 // 3))
    data = _decoded(signature)
    if data is not None:
        found.append(Code(data))
        if re.fullmatch(rb"[0-9A-Fa-f]{64,128}", data) and len(data) % 2 == 0:
            of_hex = bytes.fromhex(data.decode())
            found.append(Code(of_hex, (mistake("jwt_signature_of_hex"),)))
        cut = mistake("truncated", which=str(len(signature)), wanted=length)
        found.append(Code(data, (cut,), whole=False))
    if re.fullmatch("[0-9A-Fa-f]{64,128}", signature) and len(signature) % 2 == 0:
        found.append(Code(bytes.fromhex(signature), (mistake("jwt_signature_hex"),)))
    return found


def _by_public_key(
    reading: JwtReading, algorithm: str, keyring: Keyring, others: Mapping[str, Keyring]
) -> list[Mistakes]:
    signatures: list[tuple[bytes | None, Mistakes]] = [(_decoded(reading.signature), ())]
    if algorithm.startswith("ES"):
        size = int(algorithm[2:]) // 8
        signatures.append((_from_der(signatures[0][0], size), (mistake("jwt_signature_der"),)))
    found: list[Mistakes] = []
    for key, in_key in all_keys(keyring, others):
        for data, in_code in signatures:
            code = urlsafe_b64encode(data or b"").decode().rstrip("=")
            if compile_jwt_check(algorithm, key)(f"{reading.signed}.{code}"):
                found.append((*in_key, *in_code))
    return sorted(found, key=len)[:1]


def _from_der(signature: bytes | None, size: int) -> bytes | None:
    """Return the two numbers of an ECDSA signature in DER, of *size* bytes each."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    try:
        one, other = decode_dss_signature(signature or b"")
        return one.to_bytes(size) + other.to_bytes(size)
    except (ValueError, OverflowError):
        return None
