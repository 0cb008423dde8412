"""The status, headers, body and template context of a response of any test client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http.cookies import BaseCookie
from typing import Any, NamedTuple

from countermark.errors import ConfigurationError


class ResponseView(NamedTuple):
    """A response. Its representation shows neither headers nor body."""

    status: int
    headers: list[tuple[str, str]]  #: Each line by itself, names in lower case.
    body: str
    context: Any  #: The context of the templates that made the body, or None.

    def values(self, name: str) -> list[str]:
        """Return the values of the header *name*, which is in lower case."""
        return [value for given, value in self.headers if given == name]

    def __repr__(self) -> str:
        return f"<ResponseView {self.status}>"


def view_of(response: Any) -> ResponseView:
    """Return the view of a response of Starlette, httpx, Django, DRF, Flask or Werkzeug.

    Raises:
        ConfigurationError: *response* is not such a response.
    """
    if not isinstance(getattr(response, "status_code", None), int):
        raise ConfigurationError(
            "response must be the response of a test client of Starlette, FastAPI, httpx,"
            " Django, Django REST framework, Flask or Werkzeug"
        )
    return ResponseView(
        response.status_code,
        [(name.lower(), value) for name, value in _header_lines(response)],
        _body(response).decode(errors="replace"),
        getattr(response, "context", None),
    )


def _header_lines(response: Any) -> Iterator[tuple[str, str]]:
    headers = response.headers
    # httpx joins the lines of a name in items().
    lines = headers.multi_items() if hasattr(headers, "multi_items") else headers.items()
    yield from lines
    cookies = getattr(response, "cookies", None)
    if isinstance(cookies, BaseCookie):  # Django keeps them apart
        for cookie in cookies.values():
            yield "set-cookie", cookie.OutputString()


def _body(response: Any) -> bytes:
    if getattr(response, "streaming", False):  # Django: keep it readable for the test
        body = _streamed(response)
        response.streaming_content = [body]
        return body
    for name in ("content", "data", "body"):
        content = getattr(response, name, None)
        if isinstance(content, bytes):
            return content
    return b""


def _streamed(response: Any) -> bytes:
    if not response.is_async:
        return b"".join(response.streaming_content)
    from asgiref.sync import async_to_sync

    async def read() -> bytes:
        return b"".join([part async for part in response.streaming_content])

    return async_to_sync(read)()


def texts_in(value: Any, depth: int = 6) -> Iterator[str | bytes]:
    """Yield the texts in a template context: a mapping, Django's contexts, or a list."""
    if isinstance(value, str | bytes):
        yield value
    elif depth == 0:
        return
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner, depth - 1)
    elif callable(getattr(value, "flatten", None)):
        yield from texts_in(value.flatten(), depth - 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner, depth - 1)
