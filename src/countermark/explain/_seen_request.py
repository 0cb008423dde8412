"""A request as it was seen: in a command of curl, an entry of a HAR file, or as raw text."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from typing import Any, Final, NamedTuple

# A path may begin with two slashes, so only a scheme shows that a host follows.
_ORIGIN: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*"


class SeenRequest(NamedTuple):
    """A request. Its representation does not show it, as it contains tokens.

    Attributes:
        method: The method.
        url: The URL, or the path and the query.
        headers: The headers, as pairs.
        body: The body.
    """

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def target(self) -> str:
        """The path and the query, as they are sent."""
        target = re.sub(_ORIGIN, "", self.url).partition("#")[0]
        return target if target.startswith("/") else f"/{target}"

    def __repr__(self) -> str:
        return "<SeenRequest>"


def split_header(line: str) -> tuple[str, str]:
    """Return the name and the value of a header."""
    name, _, value = line.partition(":")
    return name.strip(), value.strip(" \t")


def basic_credentials(pair: str) -> str:
    """Return the value of ``Authorization`` for a user and a password."""
    return f"Basic {b64encode(pair.encode()).decode()}"


def read_har(text: str) -> list[SeenRequest]:
    """Return the requests of a HAR file, of an entry, or of the request in one; or none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(content, dict):
        return []
    log = content.get("log")
    entries = log.get("entries") if isinstance(log, dict) else [content]
    found = [_of_entry(entry) for entry in entries] if isinstance(entries, list) else []
    return [request for request in found if request is not None]


def _of_entry(entry: Any) -> SeenRequest | None:
    request = entry.get("request", entry) if isinstance(entry, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        return None
    given = request.get("headers")
    headers = [
        (header["name"], header["value"])
        for header in (given if isinstance(given, list) else [])
        if isinstance(header, dict)
        and isinstance(header.get("name"), str)
        and isinstance(header.get("value"), str)
        and not header["name"].startswith(":")  # of HTTP/2
    ]
    method = str(request.get("method") or "GET")
    return SeenRequest(method, request["url"], headers, _body(request.get("postData")))


def _body(data: Any) -> bytes:
    text = data.get("text") if isinstance(data, dict) else None
    if not isinstance(text, str):
        return b""
    if data.get("encoding") == "base64":
        try:
            return b64decode(text, validate=True)
        except ValueError:
            return b""
    return text.encode("utf-8", "surrogatepass")


def read_raw(data: bytes) -> SeenRequest | None:
    """Return a request of HTTP/1, as a proxy or a log shows it, or None."""
    head, body = re.split(rb"\r?\n\r?\n|\Z", data, maxsplit=1)
    first, *lines = head.decode("latin-1").split("\n")
    found = re.fullmatch(r"([A-Z]{3,10}) (\S+)(?: HTTP/[0-9.]+)?", first.strip())
    if found is None or not all(":" in line for line in lines if line.strip()):
        return None
    headers = [split_header(line.strip()) for line in lines if line.strip()]
    return SeenRequest(found[1], found[2], headers, body)
