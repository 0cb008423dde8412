"""Locations of a value in a request: a header, a query parameter, or a cookie.

A duplicate value is refused, even if both copies are equal: proxies and frameworks do
not agree on which copy counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from countermark._http import REQUEST_HEADER, TOKEN
from countermark._redaction import guarded
from countermark.errors import BadToken, ConfigurationError

# The escapes in a quoted cookie value, as http.cookies writes them.
_ESCAPED = r"(?s)\\([0-3][0-7]{2}|.)"

Read = Callable[[Mapping[str, Any]], "bytes | str | None"]


class Location:
    """The location of a value. Call it with an ASGI scope or a WSGI environ to read the value.

    It returns text, or None if the value is missing or empty. Bytes that are not UTF-8
    become lone surrogates, which no token or id contains.

    Raises:
        BadToken: The value occurs twice, or again under the header's name with
            underscores. The code is ``ambiguous``.
    """

    __slots__ = {
        "kind": "``header``, ``query`` or ``cookie``.",
        "name": "The name of the header, the parameter or the cookie.",
        "_in_environ": None,
        "_in_scope": None,
    }

    kind: str
    name: str

    def __init__(self, kind: str, name: str, in_scope: Read, in_environ: Read) -> None:
        self.kind = kind
        self.name = name
        self._in_scope = in_scope
        self._in_environ = in_environ

    def __call__(self, source: Mapping[str, Any]) -> str | None:
        # Each environ has a method. It may also have a variable called "type", as scopes do.
        read = self._in_environ if "REQUEST_METHOD" in source else self._in_scope
        value = read(source)
        if not value:
            return None
        if isinstance(value, str):  # from an environ
            if value.isascii():
                return value
            value = _bytes(value)
        return value.decode("utf-8", "surrogateescape")

    @property
    def folds(self) -> bool:
        """True if servers and proxies join two values into one, with a comma."""
        return self.kind != "query"

    def __repr__(self) -> str:
        name = self.name if re.fullmatch(r"[!-~]{1,40}", self.name) else "…"
        return f"from_{self.kind}({name!r})"


@guarded
def from_header(name: str) -> Location:
    """Return the location of the request header *name*; its case does not matter.

    Under ASGI another header with underscores in this name makes the request ambiguous.
    WSGI servers join the two values with a comma.

    Raises:
        ConfigurationError: The name has characters other than letters, digits and hyphens.
    """
    _check(name, REQUEST_HEADER, "a header's name consists of letters, digits and hyphens")
    key = "HTTP_" + name.upper().replace("-", "_")
    return Location(
        "header",
        name,
        _in_headers(name),
        lambda environ: environ.get(key),
    )


@guarded
def from_query(name: str) -> Location:
    """Return the location of the query parameter *name*, decoded as forms are: ``+`` is a space.

    Raises:
        ConfigurationError: The name is empty or not a text.
    """
    _check(name, ".+", "a parameter's name is a text that is not empty")
    return Location(
        "query",
        name,
        lambda scope: _parameter(scope.get("query_string") or b"", name),
        lambda environ: _parameter(_bytes(environ.get("QUERY_STRING", "")), name),
    )


@guarded
def from_cookie(name: str) -> Location:
    """Return the location of the cookie *name*. Quoted values are unescaped, as in http.cookies.

    Raises:
        ConfigurationError: The name is not valid for a cookie.
    """
    _check(name, TOKEN, "a cookie's name has no spaces, commas, semicolons or quotes")
    wanted = name.encode()
    return Location(
        "cookie",
        name,
        # HTTP/2 may send each cookie in its own header: RFC 9113, section 8.2.3.
        lambda scope: _cookie(
            b";".join(value for key, value in scope["headers"] if key.lower() == b"cookie"), wanted
        ),
        lambda environ: _cookie(_bytes(environ.get("HTTP_COOKIE", "")), wanted),
    )


def _check(name: object, pattern: str, rule: str) -> None:
    if not isinstance(name, str) or not re.fullmatch(pattern, name, re.DOTALL):
        raise ConfigurationError(
            f"the name given to from_header(), from_query() or from_cookie() is invalid: {rule}"
        )


def _in_headers(name: str) -> Read:
    wanted, length = name.lower().encode(), len(name)

    def read(scope: Mapping[str, Any]) -> bytes | None:
        found: bytes | None = None
        for key, value in scope["headers"]:
            # Most names have another length, which is the fastest test.
            if len(key) == length:
                lowered = key.lower()
                if lowered == wanted and found is None:
                    found = value
                elif lowered.replace(b"_", b"-") == wanted:
                    raise _twice()
        return found

    return read


def _parameter(query: bytes, name: str) -> bytes | None:
    found: bytes | None = None
    wanted = name.encode("utf-8", "surrogatepass")
    for field in query.split(b"&"):
        key, _, value = field.partition(b"=")
        # Frameworks decode other spellings to the same name.
        if key == wanted or ((b"%" in key or b"+" in key) and _unquoted(key) == wanted):
            if found is not None:
                raise _twice()
            found = value
    return None if found is None else _unquoted(found)


def _unquoted(text: bytes) -> bytes:
    from urllib.parse import unquote_to_bytes  # late, as it is slow to import

    return unquote_to_bytes(text.replace(b"+", b" "))


def _cookie(header: bytes, wanted: bytes) -> bytes | None:
    found: bytes | None = None
    alike = 0
    for pair in header.split(b";"):
        key, _, value = pair.partition(b"=")
        # The parsers of frameworks strip more white space than HTTP allows.
        alike += key.decode("latin-1").strip().encode("latin-1") == wanted
        if key.strip(b" \t") == wanted:
            found = value.strip(b" \t")
    if found is not None and alike > 1:
        raise _twice()
    if found is not None and len(found) > 1 and found[:1] == found[-1:] == b'"':
        inner = re.sub(_ESCAPED, _unescaped, found[1:-1].decode("latin-1"))
        return inner.encode("latin-1")
    return found


def _unescaped(match: re.Match[str]) -> str:
    escaped = match[1]
    return chr(int(escaped, 8)) if len(escaped) == 3 else escaped


def _bytes(text: str) -> bytes:
    """Return the bytes that the client sent, which PEP 3333 decodes as Latin-1."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # some test clients put other characters in
        return text.encode("utf-8", "surrogatepass")


def _twice() -> BadToken:
    return BadToken("the request has a duplicate value", code="ambiguous")
