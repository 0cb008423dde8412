"""Checks that 32 bytes are a public key of Ed25519, which the library of cryptography does not."""

from __future__ import annotations

from typing import Final

# The field, and the constant d of the curve (RFC 8032, section 5.1).
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P

# The y coordinate of two points of order 8. The others differ by their sign.
_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})


def is_safe_point(data: bytes) -> bool:
    """Tell whether *data* is the canonical encoding of a point, and not of a small order.

    Under a key of a small order one signature is valid for many messages. Of random bytes, such
    as a shared secret, half are not a point.
    """
    y = int.from_bytes(data, "little") & (2**255 - 1)
    if y >= _P or y in _SMALL_ORDER:
        return False
    # x**2 must be a square (section 5.1.3); Euler's criterion tells.
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return pow(x_squared, (_P - 1) // 2, _P) == 1
