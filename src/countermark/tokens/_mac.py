"""Message authentication codes, computed and encoded."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable

from countermark.keys._secret import SecretKey
from countermark.schemes._parts import Mac


def encode_bytes(data: bytes, encoding: str) -> str:
    """Return *data* in one of the encodings of schemes."""
    if encoding == "hex":
        return data.hex()
    if encoding == "hex-upper":
        return data.hex().upper()
    text = b2a_base64(data, newline=False).decode()
    if encoding == "base64url":
        return text.rstrip("=").replace("+", "-").replace("/", "_")
    return text


def code_width(mac: Mac) -> int:
    """Return the number of characters of an encoded code."""
    size = {"sha1": 20, "sha256": 32, "sha512": 64}[mac.algorithm]
    return len(encode_bytes(bytes(size), mac.encoding))


def code_pattern(mac: Mac) -> str:
    """Return the regular expression that encoded codes match."""
    letters = {
        "hex": "[0-9a-f]",
        "hex-upper": "[0-9A-F]",
        "base64": "[A-Za-z0-9+/=]",
        "base64url": "[A-Za-z0-9_-]",
    }
    return f"{letters[mac.encoding]}{{{code_width(mac)}}}"


def is_canonical(code: str, encoding: str) -> bool:
    """Tell whether *code* is the canonical encoding of its bytes.

    The last letter of base64 has unused bits: several letters encode the same bytes.
    """
    if encoding not in ("base64", "base64url"):
        return True
    standard = code.replace("-", "+").replace("_", "/")
    if encoding == "base64url":
        standard += "=" * (-len(standard) % 4)
    try:
        return encode_bytes(a2b_base64(standard), encoding) == code
    except ValueError:  # unexpected padding
        return False


def compile_mac(mac: Mac, key: SecretKey) -> Callable[[str], str]:
    """Return the function that takes a message and returns its encoded code.

    Raises:
        InvalidKey: The secret is not encoded as the scheme specifies.
    """
    encoding, algorithm = mac.encoding, mac.algorithm
    if mac.construction == "suffix":
        return lambda message: encode_bytes(
            key.suffix_digest(algorithm, message.encode()), encoding
        )
    inner, outer = key.hmac_states(algorithm, mac.key)

    def code(message: str) -> str:
        first, second = inner.copy(), outer.copy()
        first.update(message.encode())
        second.update(first.digest())
        return encode_bytes(second.digest(), encoding)

    return code
