"""Finds the code and the values in a received token, also where its fixed text is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from countermark.mistakes._catalogue import mistake
from countermark.mistakes._explanation import Mistakes
from countermark.schemes._scheme import Scheme
from countermark.schemes._templates import Placeholder, Template
from countermark.tokens._mac import decoded_text

_CODE: Final = "(?P<mac>[A-Za-z0-9+/_-]+={0,2})"
#: The patterns of the values that are read; others are skipped.
_VALUES: Final = {
    "id": ".+",
    "payload": "[A-Za-z0-9+/=_%-]+",
    "now": "[0-9]{1,12}",
    "expires": "[0-9]{1,12}",
}
# Text before a code: "sha256=", "HMAC-SHA256 user:", "t=…,v1=". An authentication scheme and
# the name of a header are mistakes of their own.
_NOT_FRAMED: Final = r"(?!(?:Bearer|Basic|Token|Digest|ApiKey|JWT|Signature) |[A-Za-z0-9-]+: )"
_FRAMED: Final = rf"{_NOT_FRAMED}(?:[^=: ,;]{{1,200}}[=: ,;]){{1,4}}{_CODE}"


class Frame(NamedTuple):
    """The text of a code, the values that the token shows, and the mistakes around them."""

    code: str
    shown: Mapping[str, str]
    mistakes: Mistakes = ()

    def __repr__(self) -> str:
        return "<Frame>"


class Frames:
    """Reads the tokens of one scheme with a code."""

    __slots__ = ("_encoding", "_exact", "_folded", "_urls", "_wanted")

    def __init__(self, scheme: Scheme) -> None:
        self._exact: re.Pattern[str] | None = None
        token: Any = scheme.token
        assert isinstance(token, Template)  # noqa: S101  # or the scheme cannot be verified
        parts = token.parts
        self._encoding = scheme.token_encoding
        self._wanted = str(token)
        patterns = [*_patterns(parts)]
        self._urls = {p.names[0] for p in parts if isinstance(p, Placeholder) and p.format == "url"}
        # With two values of unknown length a search could take quadratic time.
        if sum(".+" in pattern for pattern in patterns) < 2:
            self._exact = re.compile("".join(patterns), re.DOTALL)
        self._folded = re.compile("".join(patterns), re.DOTALL | re.IGNORECASE)

    def read(self, text: str) -> Iterator[Frame]:
        """Yield the readings of *text* as a token."""
        decoded = decoded_text(text, self._encoding)
        if decoded is None:
            return
        text = decoded
        found = self._exact.fullmatch(text) if self._exact else None
        if found is not None:
            yield self._frame(found)
            return
        folded = self._folded.fullmatch(text) if self._exact else None
        if folded is not None:
            yield self._frame(folded)._replace(mistakes=(mistake("frame_case"),))
            return
        if re.fullmatch(_CODE, text):
            yield Frame(text, {}, (mistake("bare_code", wanted=self._wanted),))
        framed = re.fullmatch(_FRAMED, text, re.DOTALL)
        if framed is not None:
            yield Frame(framed["mac"], {}, (mistake("framed_code", wanted=self._wanted),))

    def _frame(self, found: re.Match[str]) -> Frame:
        shown = {
            name: unquote(value) if name in self._urls else value
            for name, value in found.groupdict().items()
        }
        return Frame(shown.pop("mac"), shown)


def _patterns(parts: tuple[str | Placeholder, ...]) -> Iterator[str]:
    left = dict(_VALUES)
    for part in parts:
        if isinstance(part, str):
            yield re.escape(part)
        elif part.names == ("mac",):
            yield _CODE
        elif len(part.names) == 1 and part.format in {"", "s", "url"} and part.names[0] in left:
            yield f"(?P<{part.names[0]}>{left.pop(part.names[0])})"  # once: group names are unique
        else:
            yield ".+"
