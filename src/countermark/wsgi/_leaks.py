"""The leak guard for WSGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Unpack

from countermark._redaction import guarded
from countermark.leaks._guard import (
    Guard,
    LeakMode,
    LeakOptions,
    ResponseSearch,
    blocked_response,
    cut_off,
)
from countermark.wsgi._sending import status_line

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_FILE_WRAPPER = "wsgi.file_wrapper"

HeaderList = list[tuple[str, str]]
Write = Callable[[bytes], object]


class LeakGuardMiddleware:
    """Searches responses for secrets, and reports or blocks those that contain one.

    It searches the headers and the body, which it decodes if it is compressed. Place it outside
    of all other middleware. It hides ``wsgi.file_wrapper`` from the application, so that files
    are searched too.

    In the mode ``block``, a response that has not begun is replaced by a 500. Otherwise it is cut
    off before the secret is complete: the iterable, or the function ``write()`` of old
    applications, raises :class:`countermark.errors.LeakBlocked`, so that the server closes the
    connection. The server gets the start of a response with the first bytes of its body.

    Args:
        app: The application, or the next middleware.
        mode: As for :class:`countermark.asgi.LeakGuardMiddleware`.
        options: As for :class:`countermark.asgi.LeakGuardMiddleware`.

    Raises:
        ConfigurationError: An option is missing or invalid.
    """

    def __new__(
        cls, app: WSGIApplication, *, mode: LeakMode, **options: Unpack[LeakOptions]
    ) -> Any:
        """Return a middleware, or *app* itself if the mode is ``off``."""
        return app if mode == "off" else super().__new__(cls)

    @guarded
    def __init__(
        self, app: WSGIApplication, *, mode: LeakMode, **options: Unpack[LeakOptions]
    ) -> None:
        if mode != "off":  # otherwise *app* is a guard itself, and this is it
            self.app = app
            self._guard = Guard(mode, **options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        guard = self._guard
        if not guard.samples():
            return self.app(environ, start_response)
        search = ResponseSearch(guard)
        gate: _Reporting | _Blocking
        if guard.blocks:
            gate = _Blocking(search, environ.get("REQUEST_METHOD"), start_response)
        else:
            gate = _Reporting(search, start_response)
        # gunicorn reads its file wrapper from the environ again, so it is put back.
        taken = {key: environ.pop(key) for key in (_FILE_WRAPPER,) if key in environ}
        try:
            body = self.app(environ, gate.start_response)
        finally:
            environ.update(taken)
        # Servers compute a length from a list, so it stays one.
        return gate.whole(body) if type(body) in (list, tuple) else _Body(body, gate)


class _Reporting:
    """Searches one response, and passes it on unchanged."""

    is_blocked = False
    has_begun = True

    def __init__(self, search: ResponseSearch, start_response: StartResponse) -> None:
        self._search = search
        self._start_response = start_response

    def start_response(self, status: str, headers: HeaderList, *exc_info: Any) -> Write:
        _search_head(self._search, status, headers)
        write = self._start_response(status, headers, *exc_info)
        return lambda data: write(self.pass_on(data))

    def pass_on(self, chunk: bytes) -> bytes:
        self._search.body(chunk)
        return chunk

    def whole(self, body: Any) -> Iterable[bytes]:
        for chunk in body:
            self._search.body(chunk)
        return body  # type: ignore[no-any-return]

    def finish(self) -> bytes:
        return b""


class _Blocking:
    """Passes on one response up to the first secret.

    The server gets the start of the response with the first bytes of the body, so that it can
    be a 500 until then.
    """

    def __init__(
        self, search: ResponseSearch, method: object, start_response: StartResponse
    ) -> None:
        #: True if a 500 replaces the response.
        self.is_blocked = False
        #: True if the server has the start of the response.
        self.has_begun = False
        self._search = search
        self._method = method
        self._start_response = start_response
        self._start: tuple[Any, ...] | None = None
        self._write: Write | None = None
        self._held: list[bytes] = []

    def start_response(self, status: str, headers: HeaderList, *exc_info: Any) -> Write:
        if self.is_blocked:  # the application's own error page comes too late
            return self.write
        # The server has not seen a start that this one replaces, and needs no exc_info then.
        replaces = self._start is not None and not self.has_begun
        if replaces:
            self._held.clear()  # of the body that it replaces too
        self._start = (status, headers) if replaces else (status, headers, *exc_info)
        if _search_head(self._search, status, headers):
            self._block()
        elif self.has_begun:
            self._begin(self._start)
        return self.write

    def write(self, data: bytes) -> None:
        """Send *data*: the function that WSGI gives to old applications."""
        passed = self.pass_on(data)
        if passed and self._write is not None:
            self._write(passed)

    def pass_on(self, chunk: bytes) -> bytes:
        """Return the bytes to send, given the next ones of the application.

        Raises:
            LeakBlocked: The response is cut off.
        """
        if not self.is_blocked:
            if self._search.body(chunk):
                del chunk  # error trackers send the locals of frames
                self._block()
            else:
                self._held.append(chunk)
                if self._search.is_pending:
                    return b""
        return self.finish()

    def whole(self, body: Any) -> Iterable[bytes]:
        """Return the application's list, or the body of the 500."""
        for chunk in body:
            if not self.is_blocked and self._search.body(chunk):
                self._block()
        rest = self.finish()
        if self.is_blocked:
            return [rest]
        return [rest, *body] if rest else body

    def finish(self) -> bytes:
        """Start the response, and return the bytes that were held back."""
        if self._start is not None and not self.has_begun:
            self._begin(self._start)
        held, self._held = self._held, []
        return held[0] if len(held) == 1 else b"".join(held)

    def _begin(self, start: tuple[Any, ...]) -> None:
        # The adapters of asgiref and Starlette return None in place of write().
        self._write = self._start_response(*start)
        self.has_begun = True

    def _block(self) -> None:
        self._held.clear()
        if self.has_begun:
            raise cut_off()
        self.is_blocked = True
        status, headers, body = blocked_response(self._method)
        self._start = (status_line(status), headers)
        self._held.append(body)


class _Body:
    """The application's iterable, searched."""

    def __init__(self, body: Iterable[bytes], gate: _Reporting | _Blocking) -> None:
        self._body = body
        self._chunks: Iterator[bytes] | None = None
        self._gate = gate
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        gate = self._gate
        if self._chunks is None:
            self._chunks = iter(self._body)
        while not self._over:
            try:
                data = gate.pass_on(next(self._chunks))
                self._over = gate.is_blocked
            except StopIteration:
                self._over = True
                data = gate.finish()
                if not data:
                    raise
            if gate.has_begun:  # nothing may be yielded before, not even an empty chunk
                return data
        raise StopIteration

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def _search_head(search: ResponseSearch, status: str, headers: HeaderList) -> bool:
    pairs = [(_bytes(name), _bytes(value)) for name, value in headers]
    return search.head(pairs, _bytes(status))


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")
