"""Message authentication codes: from a keyed pair of hashes to a spelled code."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from countermark.keys._secret import SecretKey
from countermark.schemes._parts import Mac

if TYPE_CHECKING:
    pass


def encode_bytes(data: bytes, encoding: str) -> str:
    """Return *data* in one of the encodings of recipes."""
    if encoding == "hex":
        return data.hex()
    if encoding == "hex-upper":
        return data.hex().upper()
    text = b2a_base64(data, newline=False).decode()
    if encoding == "base64url":
        return text.rstrip("=").replace("+", "-").replace("/", "_")
    return text


def code_width(mac: Mac) -> int:
    """Return how many characters a code of a recipe has."""
    size = {"sha1": 20, "sha256": 32, "sha512": 64}[mac.algorithm]
    return len(encode_bytes(bytes(size), mac.encoding))


def code_pattern(mac: Mac) -> str:
    """Return the regular expression of the codes of a recipe."""
    letters = {
        "hex": "[0-9a-f]",
        "hex-upper": "[0-9A-F]",
        "base64": "[A-Za-z0-9+/=]",
        "base64url": "[A-Za-z0-9_-]",
    }
    return f"{letters[mac.encoding]}{{{code_width(mac)}}}"


def is_canonical(code: str, encoding: str) -> bool:
    """Tell whether *code*, in the letters of its encoding, is how its bytes are written.

    The last letter of base64 has bits to spare: several letters mean the same bytes.
    """
    if encoding not in ("base64", "base64url"):
        return True
    standard = code.replace("-", "+").replace("_", "/")
    if encoding == "base64url":
        standard += "=" * (-len(standard) % 4)
    try:
        return encode_bytes(a2b_base64(standard), encoding) == code
    except ValueError:  # padding where none belongs
        return False


def compile_mac(mac: Mac, key: SecretKey) -> Callable[[str], str]:
    """Return the function from a message to its code.

    Raises:
        InvalidKey: The secret is not written the way that the recipe says.
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
