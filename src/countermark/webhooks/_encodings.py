"""Strict parsers of signatures, times and ids. Each value has one valid spelling."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import Final

from countermark.tokens._mac import encode_bytes
from countermark.webhooks._results import Refused

MAC_SIZES: Final = {"sha1": 20, "sha256": 32, "sha512": 64}

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE = (
    rf"({'|'.join(_DAYS)}), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)


def decode_bytes(text: str, encoding: str, size: int) -> bytes:
    """Decode *size* bytes from ``hex`` or ``base64``.

    Raises:
        Refused: The text is not the canonical encoding of so many bytes.
    """
    if encoding == "hex":
        if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
            raise Refused("malformed")
        return bytes.fromhex(text)
    letters = -(-size * 4 // 3)
    if not re.fullmatch(f"[A-Za-z0-9+/]{{{letters}}}{'=' * (-letters % 4)}", text):
        raise Refused("malformed")
    decoded = a2b_base64(text)
    # The last letter of base64 has spare bits, so several letters decode to the same bytes.
    if encode_bytes(decoded, encoding) != text:
        raise Refused("malformed")
    return decoded


def decode_at_most(text: str, encoding: str, most: int) -> bytes:
    """Decode from one to *most* bytes from ``hex`` or ``base64``.

    Raises:
        Refused: The text is not the canonical encoding of so many bytes.
    """
    size = len(text) // 2 if encoding == "hex" else len(text.rstrip("=")) * 3 // 4
    if not 1 <= size <= most:
        raise Refused("malformed")
    return decode_bytes(text, encoding, size)


def parse_http_date(text: str) -> float:
    """Parse an IMF-fixdate (RFC 9110, section 5.6.7) to seconds since the epoch.

    Raises:
        Refused: The text is malformed, or the date does not exist.
    """
    found = re.fullmatch(_HTTP_DATE, text)
    if not found:
        raise Refused("malformed")
    from datetime import UTC, datetime  # late, as it is slow to import

    name, day, month, *rest = found.groups()
    year, hour, minute, second = map(int, rest)
    try:
        date = datetime(year, _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise Refused("malformed") from None
    if _DAYS[date.weekday()] != name:
        raise Refused("malformed")
    return date.timestamp()


def checked_delivery_id(text: str) -> str:
    """Return a signed delivery id.

    Raises:
        Refused: The id is empty, longer than 512 characters or not visible ASCII.
    """
    if not re.fullmatch("[!-~]{1,512}", text):
        raise Refused("malformed")
    return text
