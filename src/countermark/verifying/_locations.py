"""Where a request has its token: a header, a parameter of the query, a cookie.

A value that comes twice is refused, also where both are equal: which of the two
counts would be for proxies and frameworks to say, and they do not agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from countermark._http import REQUEST_HEADER, TOKEN
from countermark._redaction import guarded
from countermark.errors import BadToken, ConfigurationError

# What a cookie's value in quotes escapes: see http.cookies, which writes them.
_ESCAPED = r"(?s)\\([0-3][0-7]{2}|.)"

Read = Callable[[Mapping[str, Any]], "bytes | str | None"]


class Location:
    """Where a value is in a request. Called with an ASGI scope or a WSGI environ, it reads it.

    It returns text, or None where there is nothing or nothing but an empty value.
    Bytes that are no UTF-8 become lone surrogates, which no token and no id has.

    Raises:
        BadToken: The value comes twice, or also under a header name with
            underscores. The code is ``ambiguous``.
    """

    __slots__ = {
        "kind": "``header``, ``query`` or ``cookie``.",
        "name": "Of the header, the parameter or the cookie.",
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
        # Every environ has a method. A variable called "type" it may have as well.
        read = self._in_environ if "REQUEST_METHOD" in source else self._in_scope
        value = read(source)
        if not value:
            return None
        if isinstance(value, str):  # of an environ
            if value.isascii():
                return value
            value = _bytes(value)
        return value.decode("utf-8", "surrogateescape")

    @property
    def folds(self) -> bool:
        """Whether servers and proxies make one value, with a comma, of two."""
        return self.kind != "query"

    def __repr__(self) -> str:
        name = self.name if re.fullmatch(r"[!-~]{1,40}", self.name) else "…"
        return f"from_{self.kind}({name!r})"


@guarded
def from_header(name: str) -> Location:
    """Read the request header *name*, in any case.

    Under ASGI a header of that name with underscores makes the request ambiguous.
    WSGI shows both as one, with a comma between their values.

    Raises:
        ConfigurationError: The name does not consist of letters, digits and hyphens.
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
    """Read the parameter *name* of the query, decoded as forms are: ``+`` is a space.

    Raises:
        ConfigurationError: The name is empty, or no text.
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
    """Read the cookie *name*. A value in quotes is read as Python's frameworks write it.

    Raises:
        ConfigurationError: It is no name for a cookie.
    """
    _check(name, TOKEN, "a cookie's name has no spaces, commas, semicolons or quotes")
    wanted = name.encode()
    return Location(
        "cookie",
        name,
        # HTTP/2 may send each cookie in a header of its own: RFC 9113, section 8.2.3.
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
            # Most names are of another length, and that is the quickest to see.
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
        # A name may be written in other ways, which frameworks read as the same.
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
        # The parsers of frameworks strip more than the white space that HTTP knows.
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
    """Return what a client sent, of which PEP 3333 makes text by Latin-1."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # no server does this, but some test clients do
        return text.encode("utf-8", "surrogatepass")


def _twice() -> BadToken:
    return BadToken("the request has two values where one may be", code="ambiguous")
