"""Other spellings of a value that may have been signed in its place."""

from __future__ import annotations

import html
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Final
from unicodedata import normalize
from urllib.parse import quote, quote_plus, unquote
from uuid import UUID

from countermark.mistakes._catalogue import Mistake, mistake

#: A value that was not there yet when it was signed, as languages write it.
_UNDEFINED: Final = {
    "": "The empty text",
    "None": "None",
    "null": "null",
    "undefined": "undefined",
    "nil": "nil",
    "0": "0",
    "false": "false",
    "[object Object]": "[object Object]",
    "AnonymousUser": "AnonymousUser",
}

_Change = Callable[[str], "str | None"]


def spellings(text: str, name: str) -> Iterator[tuple[str, Mistake]]:
    """Yield other spellings of *text*, each once, with the mistake that makes it.

    Args:
        text: The value.
        name: The name of the value, for messages.
    """
    seen = {text}
    for code, which, change in _CHANGES:
        try:
            spelled = change(text)
        except ValueError:
            continue
        if spelled is not None and spelled not in seen:
            seen.add(spelled)
            yield spelled, mistake(code, name=name, which=which)


def _trimmed(text: str) -> str | None:
    return text.strip() or None


def _without_quotes(text: str) -> str | None:
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] and text[0] in "\"'" else None


def _uuid(write: Callable[[UUID], str]) -> _Change:
    def change(text: str) -> str | None:
        found = re.fullmatch(r"(urn:uuid:)?\{?([0-9a-fA-F-]{32,36})\}?", text)
        return None if found is None else write(UUID(found[2]))

    return change


def _integer(write: Callable[[int], str]) -> _Change:
    return lambda text: write(int(text)) if re.fullmatch("[0-9]{1,20}", text) else None


def _whole(text: str) -> str | None:
    found = re.fullmatch(r"([0-9]{1,20})\.0+", text)
    return None if found is None else found[1]


def _decoded(text: str) -> str | None:
    if not re.fullmatch("[A-Za-z0-9+/]{4,}={0,2}", text):
        return None
    found = b64decode(text, validate=True).decode()
    return found if found.isprintable() else None


def _misread(text: str) -> str:
    return text.encode().decode("latin-1")


_CHANGES: Final[tuple[tuple[str, str, _Change], ...]] = (
    ("value_case", "lower", str.lower),
    ("value_case", "upper", str.upper),
    ("value_white_space", "a newline at its end", lambda text: f"{text}\n"),
    ("value_white_space", "a carriage return and newline at its end", lambda text: f"{text}\r\n"),
    ("value_white_space", "a space at its end", lambda text: f"{text} "),
    ("value_white_space", "a space at its beginning", lambda text: f" {text}"),
    ("value_white_space", "its outer white space removed", _trimmed),
    ("value_white_space", "its spaces removed", lambda text: "".join(text.split(" "))),
    ("value_unicode_form", "NFC", lambda text: normalize("NFC", text)),
    ("value_unicode_form", "NFD", lambda text: normalize("NFD", text)),
    ("value_unicode_form", "NFKC", lambda text: normalize("NFKC", text)),
    ("value_unicode_form", "NFKD", lambda text: normalize("NFKD", text)),
    ("value_bytes_repr", "", lambda text: str(text.encode())),
    ("value_quoted", "", lambda text: f'"{text}"'),
    ("value_quoted", "", lambda text: f"'{text}'"),
    ("value_quoted", "", json.dumps),
    ("value_unquoted", "", _without_quotes),
    ("value_uuid_form", "in its usual form", _uuid(str)),
    ("value_uuid_form", "without hyphens", _uuid(lambda value: value.hex)),
    ("value_uuid_form", "in braces", _uuid(lambda value: f"{{{value}}}")),
    ("value_uuid_form", "in braces and upper case", _uuid(lambda value: f"{{{value}}}".upper())),
    ("value_uuid_form", "with urn:uuid: before it", _uuid(lambda value: value.urn)),
    ("value_number_form", "a decimal fraction", _integer(lambda number: f"{number}.0")),
    ("value_number_form", "a number without leading zeros", _integer(str)),
    ("value_number_form", "a number with separators", _integer(lambda number: f"{number:,}")),
    ("value_number_form", "a whole number", _whole),
    ("value_url_encoded", "percent-encoded", lambda text: quote(text, safe="")),
    ("value_url_encoded", "percent-encoded", quote),
    ("value_url_encoded", "percent-encoded as in forms", quote_plus),
    ("value_url_encoded", "percent-encoded twice", lambda text: quote(quote(text, safe=""))),
    ("value_url_encoded", "after its percent-encoding was removed", unquote),
    ("value_html_escaped", "", html.escape),
    ("value_encoded", "base64", lambda text: b64encode(text.encode()).decode()),
    ("value_encoded", "hexadecimal", lambda text: text.encode().hex()),
    ("value_encoded", "plain text, without its base64", _decoded),
    ("value_encoded", "UTF-8 that was read as Latin-1", _misread),
    *(
        ("value_undefined", shown, lambda text, instead=instead: instead)
        for instead, shown in _UNDEFINED.items()
    ),
)  # fmt: skip
