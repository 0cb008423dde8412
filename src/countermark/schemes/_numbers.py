"""Numbers in the one spelling that all languages can make: that of JavaScript.

Python writes ``1.0``, ``1e+16`` and ``1e-05`` where JavaScript writes ``1``,
``10000000000000000`` and ``0.00001``. RFC 8785, section 3.2.2.3, chooses the latter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

#: The largest whole number that JavaScript does not round.
MAX_WHOLE = 2**53 - 1

# A text of JSON, or a number with a fraction or an exponent.
_TEXT_OR_FLOAT = r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+(?:e[-+]\d+)?|e[-+]\d+)'


def with_portable_numbers(text: str) -> str:
    """Return a text of JSON with its floats, which Python has written, spelled as above."""
    return re.sub(_TEXT_OR_FLOAT, _respelled, text) if _search_for_float()(f",{text}") else text


@cache
def _search_for_float() -> Callable[[str], object]:
    """Return the search for the beginning of a float, which few texts have."""
    return re.compile(r"[\[:,]-?\d+[.e]").search


def _respelled(found: re.Match[str]) -> str:
    text = found[0]
    if text.startswith('"'):
        return text
    mantissa, _, exponent = text.removeprefix("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"  # also for -0.0
    # The value is 0.DIGITS times ten to the power of `point`.
    point = len(digits) - len(fraction) + int(exponent or 0)
    sign, digits = "-" if text.startswith("-") else "", digits.rstrip("0")
    return sign + _with_point(digits, point)


def _with_point(digits: str, point: int) -> str:
    """Return the number that Number::toString of ECMA-262 makes of these digits."""
    if 0 < point <= 21:
        whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
        return f"{whole}.{fraction}" if fraction else whole
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{mantissa}e{point - 1:+d}"
