"""Signatures of public keys, verified with whole numbers alone, to compare with."""

from __future__ import annotations

import hashlib
from base64 import b64decode

#: The DER before the point of an uncompressed public key on P-256 (RFC 5480).
_P256_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
#: The DER before a hash of SHA-256 in a signature of RSA (RFC 8017, section 9.2, note 1).
_SHA256_HEAD = bytes.fromhex("3031300d060960864801650304020105000420")

Point = tuple[int, int] | None


# Ed25519 (RFC 8032, section 5.1)

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P


def _ed_add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = one, other
    product = _D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, _P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, _P)
    return x % _P, y % _P


def _ed_times(point: tuple[int, int], factor: int) -> tuple[int, int]:
    found = (0, 1)
    for bit in f"{factor:b}":
        found = _ed_add(found, found)
        if bit == "1":
            found = _ed_add(found, point)
    return found


def _ed_point(data: bytes) -> tuple[int, int]:
    y = int.from_bytes(data, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    assert x * x % _P == square
    return (x if x % 2 == data[31] >> 7 else _P - x), y


def verifies_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature is valid under a key of 32 bytes."""
    base = _ed_point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    s = int.from_bytes(signature[32:], "little")
    hashed = hashlib.sha512(signature[:32] + key + message).digest()
    factor = int.from_bytes(hashed, "little") % _ORDER
    right = _ed_add(_ed_point(signature[:32]), _ed_times(_ed_point(key), factor))
    return s < _ORDER and _ed_times(base, s) == right


# ECDSA on P-256 (FIPS 186-5, section 6.4.2)

_Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % _Q == 0:
        return None
    slope = (
        (3 * x1 * x1 - 3) * pow(2 * y1, -1, _Q)
        if one == other
        else (y2 - y1) * pow(x2 - x1, -1, _Q)
    )
    x = (slope * slope - x1 - x2) % _Q
    return x, (slope * (x1 - x) - y1) % _Q


def _times(point: Point, factor: int) -> Point:
    found: Point = None
    for bit in f"{factor:b}":
        found = _add(found, found)
        if bit == "1":
            found = _add(found, point)
    return found


def verifies_p256(key: str, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature in DER is valid under the base64 of a key in DER."""
    data = b64decode(key)
    assert data.startswith(_P256_HEAD)
    public = (int.from_bytes(data[-64:-32]), int.from_bytes(data[-32:]))
    start = 4 + signature[3]
    r, s = int.from_bytes(signature[4:start]), int.from_bytes(signature[start + 2 :])
    inverse, hashed = pow(s, -1, _N), int.from_bytes(hashlib.sha256(message).digest())
    point = _add(_times(_G, hashed * inverse % _N), _times(public, r * inverse % _N))
    return point is not None and point[0] % _N == r


# RSA with PKCS #1 v1.5 (RFC 8017, section 8.2.2)


def verifies_rsa(key: str, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature is valid under a key of 2048 bits in PEM."""
    data = b64decode("".join(key.strip().splitlines()[1:-1]))
    modulus = int.from_bytes(data[-261:-5])
    opened = pow(int.from_bytes(signature), 65537, modulus).to_bytes(256)
    hashed = _SHA256_HEAD + hashlib.sha256(message).digest()
    return opened == b"\x00\x01" + b"\xff" * (253 - len(hashed)) + b"\x00" + hashed
