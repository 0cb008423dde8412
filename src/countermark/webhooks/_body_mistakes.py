"""The bodies that may have been signed: written again, in another charset, or compressed."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import parse_qs, quote_plus

from countermark.mistakes._catalogue import Mistake, mistake

# A compressed body may be a thousand times larger: no more than this is decompressed.
_MOST_DECOMPRESSED: Final = 4 << 20

#: The JSON writers of languages, with the arguments of json.dumps that do the same.
_WRITERS: Final[dict[str, dict[str, Any]]] = {
    "as compact JSON": {"separators": (",", ":"), "ensure_ascii": False},
    "as compact JSON with escapes": {"separators": (",", ":")},
    "as JSON with spaces": {"ensure_ascii": False},
    "as JSON with spaces and escapes": {},
    "as JSON that is indented by 2": {"indent": 2, "ensure_ascii": False},
    "as JSON that is indented by 2, with escapes": {"indent": 2},
    "as JSON that is indented by 4": {"indent": 4, "ensure_ascii": False},
    "as JSON with tabs": {"indent": "\t", "ensure_ascii": False},
    "as compact JSON with sorted keys": {
        "separators": (",", ":"),
        "sort_keys": True,
        "ensure_ascii": False,
    },
    "as JSON with spaces and sorted keys": {"sort_keys": True},
}
# Indenting takes Python ten times as long, so larger bodies are only written without.
_MOST_INDENTED: Final = 100_000
_FAST_WRITERS: Final = {which: how for which, how in _WRITERS.items() if "indent" not in how}

_MARK: Final = b"\xef\xbb\xbf"

_Change = Callable[[bytes], "bytes | None"]


def bodies(body: bytes) -> Iterator[tuple[bytes, Mistake]]:
    """Yield other bodies, each once, with the mistake that made *body* of it."""
    seen = {body}
    for other, step in _all(body):
        if other not in seen:
            seen.add(other)
            yield other, step


def mistake_in_hashed(body: bytes, digest: bytes) -> tuple[Mistake, ...]:
    """Return the mistake that explains why the SHA-256 of *body* is not *digest*, if any."""
    for other, step in bodies(body):
        if compare_digest(hashlib.sha256(other).digest(), digest):
            return (step,)
    return ()


def _all(body: bytes) -> Iterator[tuple[bytes, Mistake]]:
    for code, which, change in _CHANGES:
        try:
            other = change(body)
        except (ValueError, zlib.error):
            continue
        if other is not None:
            yield other, mistake(code, which=which)
    yield from _written_again(body)


def _written_again(body: bytes) -> Iterator[tuple[bytes, Mistake]]:
    writers = _WRITERS if len(body) < _MOST_INDENTED else _FAST_WRITERS
    try:
        content = json.loads(body)
        texts = {which: json.dumps(content, **options) for which, options in writers.items()}
    except (ValueError, TypeError, RecursionError):
        return
    for which, text in texts.items():
        for end, shown in (("", which), ("\n", f"{which} and a newline")):
            yield (text + end).encode("utf-8", "replace"), mistake("body_json", which=shown)
    for which in ("as compact JSON", "as compact JSON with escapes"):
        slashes = texts[which].replace("/", "\\/")
        shown = f"{which} with escaped slashes"
        yield slashes.encode("utf-8", "replace"), mistake("body_json", which=shown)


def _inflated(body: bytes) -> bytes | None:
    if body[:2] != b"\x1f\x8b":
        return None
    return zlib.decompressobj(wbits=31).decompress(body, _MOST_DECOMPRESSED)


def _as_form(body: bytes) -> bytes:
    return b"payload=" + quote_plus(body).encode()


def _of_form(body: bytes) -> bytes | None:
    found = parse_qs(body.decode("ascii")).get("payload")
    return found[0].encode() if found else None


_CHANGES: Final[tuple[tuple[str, str, _Change], ...]] = (
    ("body_white_space", "a newline at its end, which was removed", lambda body: body + b"\n"),
    ("body_white_space", "white space that was added around it", bytes.strip),
    ("body_line_ends", "CRLF became LF", lambda body: body.replace(b"\n", b"\r\n")),
    ("body_line_ends", "LF became CRLF", lambda body: body.replace(b"\r\n", b"\n")),
    ("body_line_ends", "they were added", lambda body: body.translate(None, b"\r\n")),
    ("body_charset", "Latin-1 as UTF-8", lambda body: body.decode().encode("latin-1")),
    ("body_charset", "UTF-8 as Latin-1", lambda body: body.decode("latin-1").encode()),
    ("body_charset", "UTF-8 twice", lambda body: body.decode().encode("cp1252")),
    ("body_charset", "with a byte order mark lost", lambda body: _MARK + body),
    ("body_charset", "with a byte order mark added", lambda body: body.removeprefix(_MARK)),
    ("body_charset", "UTF-16 as UTF-8", lambda body: body.decode().encode("utf-16-le")),
    ("body_gzip", "", _inflated),
    ("body_form", "a form with the parameter payload", _as_form),
    ("body_form", "the parameter payload alone", _of_form),
    ("body_quoted", "a JSON string", lambda body: json.dumps(body.decode()).encode()),
    ("body_quoted", "the representation b'…'", lambda body: str(body).encode()),
    ("body_empty", "", lambda body: b""),
)  # fmt: skip
