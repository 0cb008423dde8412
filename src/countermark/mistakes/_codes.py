"""Decodes a received code, in the scheme's encoding or in another one."""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterator
from typing import Final

from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._search import Code

_NAMES: Final = {
    "hex": "hexadecimal",
    "hex-upper": "upper-case hexadecimal",
    "base64": "base64",
    "base64url": "base64url",
}


def codes(text: str, encoding: str, size: int) -> list[Code]:
    """Return the readings of *text* as a code.

    Args:
        text: The text in the place of the code.
        encoding: The encoding of the scheme.
        size: The size of the scheme's codes, in bytes.
    """
    marked: tuple[Mistake, ...] = ()
    if text[:2] in {"0x", "0X"}:
        text, marked = text[2:], (mistake("code_marked"),)
    found = [*_in_hex(text, encoding, size), *_in_base64(text, encoding, size)]
    return [code._replace(mistakes=(*marked, *code.mistakes)) for code in found]


def _in_hex(text: str, encoding: str, size: int) -> Iterator[Code]:
    if not re.fullmatch("[0-9A-Fa-f]+", text):
        return
    steps: tuple[Mistake, ...] = ()
    if not encoding.startswith("hex"):
        steps = (_other_encoding("hex", encoding),)
    elif (encoding == "hex" and text != text.lower()) or (
        encoding == "hex-upper" and text != text.upper()
    ):
        case = "lower" if text == text.lower() else "upper" if text == text.upper() else "mixed"
        steps = (mistake("code_case", which=case),)
    data = bytes.fromhex(text[: len(text) // 2 * 2])
    if len(text) % 2 == 0:
        yield Code(data, steps)
    yield from _cut_off(data, steps, len(text), 2 * size)


def _in_base64(text: str, encoding: str, size: int) -> Iterator[Code]:
    bare = text.rstrip("=")
    if not re.fullmatch("[A-Za-z0-9+/]+|[A-Za-z0-9_-]+", bare) or len(text) - len(bare) > 2:
        return
    standard = bare.replace("-", "+").replace("_", "/")
    whole = standard[: len(standard) - (len(standard) % 4 == 1)]
    data = a2b_base64(whole + "=" * (-len(whole) % 4))
    found = "base64url" if set(bare) & set("-_") else "base64"
    alike = set(bare).isdisjoint("+/-_")  # both alphabets have these characters
    cut: tuple[Mistake, ...] = ()
    if encoding.startswith("hex"):
        cut = (_other_encoding(found, encoding),)
    elif not alike and found != encoding:
        cut = (mistake("code_alphabet", which=found, wanted=encoding),)
    steps = cut
    if not cut and (padded := text != bare) != (encoding == "base64" and len(data) % 3 > 0):
        steps = (mistake("code_padding", which="has" if padded else "lacks"),)
    if whole == standard:
        yield Code(data, steps)
    yield from _cut_off(data, cut, len(text), -(-size * 4 // 3))


def _cut_off(data: bytes, steps: tuple[Mistake, ...], length: int, wanted: int) -> Iterator[Code]:
    yield Code(
        data, (*steps, mistake("truncated", which=str(length), wanted=str(wanted))), whole=False
    )


def _other_encoding(found: str, wanted: str) -> Mistake:
    return mistake("code_encoding", which=_NAMES[found], wanted=_NAMES[wanted])
