"""Message authentication codes, computed and encoded."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from countermark.keys._secret import SecretKey
from countermark.schemes._parts import Mac

if TYPE_CHECKING:
    from hashlib import _Hash

#: The inner and the outer hash of HMAC, keyed and ready to copy.
HmacStates: TypeAlias = "tuple[_Hash, _Hash]"


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


def decoded_text(text: str, encoding: str) -> str | None:
    """Return the text that *text* encodes; None: it is not the canonical encoding of a text."""
    if encoding == "none":
        return text
    if not is_canonical(text, encoding):
        return None
    try:
        return a2b_base64(text).decode()
    except UnicodeDecodeError:
        return None


def hmac_states(mac: Mac, key: SecretKey) -> HmacStates | None:
    """Return the inner and the outer hash of HMAC; None: *mac* is another construction.

    Raises:
        InvalidKey: The secret is not encoded as the scheme specifies.
    """
    return None if mac.construction == "suffix" else key.hmac_states(mac.algorithm, mac.key)


def compile_mac(mac: Mac, key: SecretKey, states: HmacStates | None) -> Callable[[str], str]:
    """Return the function that takes a message and returns its encoded code.

    Args:
        mac: The code.
        key: The key.
        states: The result of :func:`hmac_states` for both.
    """
    encoding, algorithm = mac.encoding, mac.algorithm
    if states is None:
        return lambda message: encode_bytes(
            key.suffix_digest(algorithm, message.encode()), encoding
        )
    inner, outer = states

    def code(message: str) -> str:
        first, second = inner.copy(), outer.copy()
        first.update(message.encode())
        second.update(first.digest())
        return encode_bytes(second.digest(), encoding)

    return code
