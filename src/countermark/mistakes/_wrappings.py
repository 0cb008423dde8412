"""Removes what a token is wrapped in: quotation marks, encodings, white space, a second copy."""

from __future__ import annotations

import html
import json
import re
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote

from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._explanation import Mistakes
from countermark.mistakes._search import MOST

_WORDS: Final = r"(Bearer|Basic|Token|Digest|ApiKey|JWT|Signature)[ ]+"
_HEADER: Final = r"[A-Za-z][A-Za-z0-9-]*:[ \t]+"


class Unwrapped(NamedTuple):
    """A text without some of its wrappings, and the mistakes that put them there."""

    text: str
    mistakes: Mistakes = ()

    def __repr__(self) -> str:
        return "<Unwrapped>"


def unwrapped(text: str) -> list[Unwrapped]:
    """Return *text* itself, and without up to two wrappings."""
    found = {text: Unwrapped(text)}
    latest = [*found.values()]
    for _ in range(MOST):
        inner = [
            Unwrapped(rest, (*outer.mistakes, step))
            for outer in latest
            for rest, step in _steps(outer.text)
        ]
        latest = [one for one in inner if one.text not in found]
        for one in latest:
            found.setdefault(one.text, one)
    return [*found.values()]


def _steps(text: str) -> Iterator[tuple[str, Mistake]]:
    """Yield the texts without one wrapping, each with its mistake."""
    for code, details, undo in _WRAPPINGS:
        try:
            rest = undo(text)
        except (ValueError, RecursionError):
            continue
        if rest is not None and rest not in {"", text}:
            yield rest, mistake(code, **details)
    word = re.match(_WORDS, text, re.IGNORECASE)
    if word is not None:
        yield text[word.end() :], mistake("token_scheme_word", which=word[1].capitalize())


def _without_quotes(text: str) -> str | None:
    if len(text) > 2 and text[0] == text[-1] and text[0] in "\"'`":
        return text[1:-1]
    return None


def _of_repr(text: str) -> str | None:
    return text[2:-1] if re.fullmatch(r"b'[^']*'|b\"[^\"]*\"", text) else None


def _of_json_escapes(text: str) -> str | None:
    found = json.loads(f'"{text}"') if "\\" in text else None
    return found if isinstance(found, str) else None


def _unquoted(text: str) -> str | None:
    return unquote(text, errors="strict") if "%" in text else None


def _unquoted_twice(text: str) -> str | None:
    once = _unquoted(text)
    return None if once is None else _unquoted(once)


def _one_half(text: str) -> str | None:
    for separator in ("", ", ", ",", " ", ";", "; ", "\n"):
        length = (len(text) - len(separator)) // 2
        if length > 0 and text == f"{text[:length]}{separator}{text[:length]}":
            return text[:length]
    return None


def _of_base64(text: str) -> str | None:
    if not re.fullmatch("[A-Za-z0-9+/_-]{8,}={0,2}", text):
        return None
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    return _printable(a2b_base64(bare + "=" * (-len(bare) % 4)))


def _of_hex(text: str) -> str | None:
    return _printable(bytes.fromhex(text)) if re.fullmatch("[0-9A-Fa-f]{8,}", text) else None


def _printable(data: bytes) -> str | None:
    text = data.decode("ascii")
    return text if text.isprintable() else None


_Undo = Callable[[str], "str | None"]
_WRAPPINGS: Final[tuple[tuple[str, dict[str, str], _Undo], ...]] = (
    ("token_white_space", {}, str.strip),
    ("token_quoted", {}, _without_quotes),
    ("token_bytes_repr", {}, _of_repr),
    ("token_header_name", {}, lambda text: re.sub(f"^{_HEADER}", "", text)),
    ("token_url_encoded", {"which": "once"}, _unquoted),
    ("token_url_encoded", {"which": "twice"}, _unquoted_twice),
    ("token_plus_lost", {}, lambda text: text.replace(" ", "+")),
    ("token_line_breaks", {}, lambda text: re.sub(r"[\r\n]+", "", text)),
    ("token_escaped", {"which": "JSON"}, _of_json_escapes),
    ("token_escaped", {"which": "HTML"}, html.unescape),
    ("token_doubled", {}, _one_half),
    ("token_encoded", {"which": "base64"}, _of_base64),
    ("token_encoded", {"which": "hexadecimal"}, _of_hex),
)
