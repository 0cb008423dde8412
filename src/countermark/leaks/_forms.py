"""The forms in which a secret may appear: as it is, escaped, or encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

#: The least number of bytes of a secret. A shorter one would be found in innocent text.
LEAST = 8

#: The greatest number of bytes that are searched for: of longer forms, the beginning.
LONGEST = 64

_PREFIX = rb"(?:[a-z]{2,16}_){1,3}(?=.{16})"  # live_secret_, sk_test_, whsec_
_PEM_BODY = rb"PRIVATE KEY-----\s*([A-Za-z0-9+/=\s]+)"
# All keys of a kind begin alike, up to the 53rd character for RSA. So the forms of a line that
# begins here are shorter than LONGEST, or contain characters of the key before that.
_SAME_IN_KEYS = 28
_UNRESERVED_IN_JAVASCRIPT = "!*'()"  # encodeURIComponent leaves these, urllib.parse.quote does not


class Needle:
    """One form of one secret. Its representation does not show it."""

    __slots__ = {
        "text": "The bytes to search for.",
        "secret": "The name of the secret.",
        "key_id": "The id of the key.",
        "form": "The form: ``raw``, ``url``, ``json``, ``html``, ``hex`` or ``base64``.",
    }

    def __init__(self, text: bytes, secret: str, key_id: str, form: str) -> None:
        self.text = text
        self.secret = secret
        self.key_id = key_id
        self.form = form

    def __repr__(self) -> str:
        return f"<Needle {self.form} of {self.secret}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Needle cannot be pickled or copied")


def needles_of(secret: bytes, name: str, key_id: str) -> Iterator[Needle]:
    """Yield the forms of *secret*, each once."""
    seen = set()
    for form, text in _forms(significant_part(secret)):
        needle = text[:LONGEST]
        if needle not in seen:
            seen.add(needle)
            yield Needle(needle, name, key_id, form)


def significant_part(secret: bytes) -> bytes:
    """Return the part of *secret* that is not the same in other secrets.

    Of a private key this is the rest of the first line of its body, which appears in no public
    key. The vendor's prefix is left out, as code may remove it before it uses the key.
    """
    pem = re.search(_PEM_BODY, secret)
    if pem:
        line = b"".join(pem[1].split())[:LONGEST]
        return line[_SAME_IN_KEYS:] if len(line) == LONGEST else line
    prefix = re.match(_PREFIX, secret, re.DOTALL)
    return secret[prefix.end() :] if prefix else secret


def _forms(secret: bytes) -> Iterator[tuple[str, bytes]]:
    yield "raw", secret
    yield from (("url", text) for text in _url(secret))
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        pass
    else:
        yield from (("json", form.encode()) for form in _json(text))
        yield from (("html", form.encode()) for form in _html(text))
    for data in (secret, *_decoded(secret)):
        yield "raw", data
        yield "hex", data.hex().encode()
        yield "hex", data.hex().upper().encode()
        yield from (("base64", form) for form in _base64(data))


def _url(secret: bytes) -> Iterator[bytes]:
    from urllib.parse import quote, quote_plus

    for safe in ("", "/", _UNRESERVED_IN_JAVASCRIPT):
        for encoded in (quote(secret, safe=safe), quote_plus(secret, safe=safe)):
            yield encoded.encode()
            yield re.sub("%..", lambda found: found[0].lower(), encoded).encode()


def _json(text: str) -> Iterator[str]:
    import json

    ascii_only, unicode = json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
    yield ascii_only
    yield unicode
    yield ascii_only.replace("/", r"\/")  # PHP
    yield unicode.replace("/", r"\/")
    yield _escaped(ascii_only, "<>&'", r"\u{:04x}")  # Go, Jinja
    yield _escaped(ascii_only, "<>&", r"\u{:04X}")  # Django's json_script
    yield _escaped(ascii_only.replace(r"\"", '"'), "<>&'+`\"", r"\u{:04X}")  # .NET


def _html(text: str) -> Iterator[str]:
    import html

    escaped = html.escape(text)
    yield escaped
    yield escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")  # MarkupSafe
    yield escaped.replace("&#x27;", "&#39;")  # React
    yield html.escape(text, quote=False)
    yield escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;").replace("+", "&#43;")  # Go


def _escaped(text: str, characters: str, template: str) -> str:
    return "".join(template.format(ord(c)) if c in characters else c for c in text)


def _decoded(secret: bytes) -> Iterator[bytes]:
    """Yield the bytes that *secret* encodes, if it is plainly hexadecimal or base64."""
    from binascii import Error, a2b_base64

    if re.fullmatch(rb"(?:[0-9A-Fa-f]{2}){16,}", secret):
        yield bytes.fromhex(secret.decode())
    elif len(secret) >= 24 and re.search(rb"[+/=]", secret):
        try:
            yield a2b_base64(secret, strict_mode=True)
        except Error:
            return


def _base64(data: bytes) -> Iterator[bytes]:
    """Yield the base64 of *data* at each alignment within other data.

    The first and last characters depend on the neighbouring bytes too, so they are left out.
    """
    from base64 import b64encode

    for alignment in range(3):
        encoded = b64encode(b"\0" * alignment + data)
        first = (alignment * 8 + 5) // 6
        last = (alignment + len(data)) * 8 // 6
        stable = encoded[first:last]
        yield stable
        yield stable.replace(b"+", b"-").replace(b"/", b"_")
