"""How codes and times are written. There is one way for each; all others are refused."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import Final

from countermark.tokens._mac import encode_bytes
from countermark.webhooks._results import Refused

SIZES: Final = {"sha1": 20, "sha256": 32, "sha512": 64}

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIXDATE = (
    rf"({'|'.join(_DAYS)}), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_SECONDS = "0|[1-9][0-9]{0,11}"


def code(text: str, encoding: str, size: int) -> bytes:
    """Return the *size* bytes that *text* is the code of.

    Raises:
        Refused: It is no code, or not the spelling that its bytes have.
    """
    if encoding == "hex":
        if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
            raise Refused("malformed")
        return bytes.fromhex(text)
    letters = -(-size * 4 // 3)
    if not re.fullmatch(f"[A-Za-z0-9+/]{{{letters}}}{'=' * (-letters % 4)}", text):
        raise Refused("malformed")
    decoded = a2b_base64(text)
    # The last letter of base64 has bits to spare: several letters mean the same bytes.
    if encode_bytes(decoded, encoding) != text:
        raise Refused("malformed")
    return decoded


def seconds(text: str) -> int:
    """Return the time that *text* is: whole seconds since the epoch, in decimal.

    Raises:
        Refused: It is none.
    """
    if not re.fullmatch(_SECONDS, text):
        raise Refused("malformed")
    return int(text)


def fixdate(text: str) -> float:
    """Return the time of an IMF-fixdate (RFC 9110, section 5.6.7), in seconds since the epoch.

    Raises:
        Refused: It is none, or there is no such day.
    """
    found = re.fullmatch(_FIXDATE, text)
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


def delivery_id(text: str) -> str:
    """Return *text* if it can be an id that is signed.

    Raises:
        Refused: It is empty, longer than 512 characters or not visible ASCII.
    """
    if not re.fullmatch("[!-~]{1,512}", text):
        raise Refused("malformed")
    return text
