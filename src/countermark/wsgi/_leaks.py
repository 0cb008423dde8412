"""The leak guard for WSGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Unpack

from countermark._redaction import guarded
from countermark.errors import LeakBlocked
from countermark.leaks._guard import (
    Guard,
    LeakMode,
    LeakOptions,
    ResponseSearch,
    blocked_response,
    cut_off,
)

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HeaderList = list[tuple[str, str]]


class LeakGuardMiddleware:
    """Searches responses for secrets, and reports or blocks those that contain one.

    It searches the headers and the body, which it decodes if it is compressed. Place it outside
    of all other middleware. It removes ``wsgi.file_wrapper``, so that files are searched too.

    In the mode ``block``, a response is replaced by a 500 if no byte of its body has been sent.
    Otherwise it is cut off before the secret is complete: the iterable raises
    :class:`countermark.errors.LeakBlocked`, so that the server closes the connection. The
    function ``write()`` of old applications raises it too.

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
        self.app = app
        self._guard = Guard(mode, **options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        guard = self._guard
        if not guard.samples():
            return self.app(environ, start_response)
        environ.pop("wsgi.file_wrapper", None)
        gate = _Gate(guard, environ.get("REQUEST_METHOD"), start_response)
        body = self.app(environ, gate.start_response)
        if type(body) in (list, tuple) and not gate.has_written:
            # The whole response: servers compute a length from a list, so it stays one.
            return gate.checked(body)
        return _Body(body, gate)


class _Gate:
    """Passes on one response up to the first secret."""

    def __init__(self, guard: Guard, method: object, start_response: StartResponse) -> None:
        self._search = ResponseSearch(guard)
        self._blocks = guard.blocks
        self._method = method
        self._start_response = start_response
        self._held: list[bytes] = []
        self._sent = False
        #: The body of the 500 that replaces the response; None: it is not replaced.
        self.replacement: bytes | None = None
        #: True if the application has called ``write()``.
        self.has_written = False

    def start_response(
        self, status: str, headers: HeaderList, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if self.replacement is not None:  # the application's own error page comes too late
            return self._writing(_discard)
        pairs = [(_bytes(name), _bytes(value)) for name, value in headers]
        if self._search.head(pairs, _bytes(status)) and self._blocks:
            return self._replace()
        # Some servers take only two arguments.
        if exc_info is None:
            return self._writing(self._start_response(status, headers))
        return self._writing(self._start_response(status, headers, exc_info))

    def checked(self, body: Any) -> Iterable[bytes]:
        """Return *body*, of which no byte has been sent, or the body of the 500."""
        for chunk in body:
            if self.replacement is None and self._search.body(chunk) and self._blocks:
                self._replace()
        return body if self.replacement is None else [self.replacement]

    def pass_on(self, chunk: bytes) -> bytes:
        """Return the bytes to send, given the next ones of the application.

        Raises:
            LeakBlocked: The response was cut off.
        """
        if self.replacement is not None:
            return b""
        if not self._blocks:
            self._search.body(chunk)
            return chunk
        if self._search.body(chunk):
            del chunk
            self._held.clear()
            if self._sent:
                raise cut_off()
            self._replace()
            return b""
        self._held.append(chunk)
        return b"" if self._search.is_pending else self.rest()

    def rest(self) -> bytes:
        """Return the bytes that were held back."""
        held, self._held = self._held, []
        data = held[0] if len(held) == 1 else b"".join(held)
        self._sent = self._sent or bool(data)
        return data

    def _replace(self) -> Callable[[bytes], object]:
        status, headers, self.replacement = blocked_response(self._method)
        # With exc_info, the call replaces an earlier one whose headers have not been sent.
        exc_info: Any = (LeakBlocked, cut_off(), None)
        text = f"{status} {HTTPStatus(status).phrase}"
        return self._writing(self._start_response(text, headers, exc_info))

    def _writing(self, write: Callable[[bytes], object]) -> Callable[[bytes], object]:
        def guarded_write(data: bytes) -> object:
            self.has_written = True
            passed = self.pass_on(data)
            if self.replacement is not None:
                del data
                raise cut_off()
            return write(passed) if passed else None

        return guarded_write


class _Body:
    """The application's iterable, searched."""

    def __init__(self, body: Iterable[bytes], gate: _Gate) -> None:
        self._body = body
        self._chunks: Iterator[bytes] | None = None
        self._gate = gate
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._over:
            raise StopIteration
        if self._chunks is None:
            self._chunks = iter(self._body)
        try:
            passed = self._gate.pass_on(next(self._chunks))
        except StopIteration:
            self._over = True
            passed = self._gate.rest()
        if self._gate.replacement is not None:
            self._over = True
            return self._gate.replacement
        return passed

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def _discard(data: bytes) -> None:
    """Write nothing."""


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")
