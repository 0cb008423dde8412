"""Webhooks under WSGI: verified before the application sees them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from countermark._redaction import guarded
from countermark._responses import Response, problem, without_body
from countermark.events import OnEvent
from countermark.webhooks._gate import (
    ENVIRON_KEY,
    Duplicates,
    Handling,
    Receiving,
    WhenUnavailable,
    quoted,
)
from countermark.webhooks._verifier import WebhookVerifier

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from countermark.redis import RedisStore

_CHUNK = 1 << 16


class WebhookMiddleware:
    """Lets a vendor's webhooks through to an application, and nothing else.

    A :class:`VerifiedWebhook` is put into ``environ["countermark.verified_webhook"]``.
    The body is read whole, and handed on as it came. What is no good is answered
    with 401, what is too large with 413, and what has no length, where the server
    does not say where it ends, with 411.

    A delivery that has an id reaches the application until that has answered with
    2xx; from then on the sender alone gets its 200. While one is handled, further
    attempts are answered with 503, so that they come again in case it fails. The
    answer is read whole before it is passed on.

    Args:
        app: The application, or the next middleware.
        verifier: The vendor and the keys.
        paths: Where the webhooks come in: a path, or several, each with all below
            it. None: wherever this middleware is called, for instance because it is
            mounted. Other paths are passed on as they are.
        prefix: The prefix that the application drops from paths, besides what the
            server reports, such as Django's ``FORCE_SCRIPT_NAME``; empty for none.
            None: any, so ``/hooks/stigg`` covers ``/app/hooks/stigg`` and ``/stigg``
            too.
        max_body: The largest body that is read, in bytes.
        duplicates: ``answer``: see above. ``deliver``: all attempts reach the
            application, which has to tell them apart itself.
        store: What workers and hosts share; without it each process tells
            duplicates for itself, by the latest 10 000 deliveries.
        when_unavailable: What becomes of deliveries while the store cannot be
            reached: ``fail_open`` hands them on, maybe twice; ``fail_closed``
            answers with 503, and a sender who gives up before has lost them.
        on_event: Called with every :class:`Event`.
        clock: Returns the time, in seconds since the epoch.

    Raises:
        ConfigurationError: Something is missing or does not fit together.
    """

    @guarded
    def __init__(
        self,
        app: WSGIApplication,
        *,
        verifier: WebhookVerifier,
        paths: str | Iterable[str] | None = None,
        prefix: str | None = None,
        max_body: int = 1 << 20,
        duplicates: Duplicates = "answer",
        store: RedisStore | None = None,
        when_unavailable: WhenUnavailable = "fail_open",
        on_event: OnEvent | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.app = app
        self._receiving = Receiving(
            verifier,
            paths=paths,
            prefix=prefix,
            max_body=max_body,
            duplicates=duplicates,
            store=store,
            when_unavailable=when_unavailable,
            on_event=on_event,
            clock=clock,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = _utf8(environ.get("PATH_INFO", ""))
        root = _utf8(environ.get("SCRIPT_NAME", ""))
        virtual = _utf8(environ.get("HTTP_X_VHM_ROOT", ""))  # Pyramid puts it before the path
        if not self._receiving.covers({path, root + path, virtual + path}):
            return self.app(environ, start_response)
        handling = self._begin(environ)
        if isinstance(handling, Response):
            return _answer(environ, start_response, handling)
        if handling is None:
            return self.app(environ, start_response)
        return self._handle(environ, start_response, handling)

    def _begin(self, environ: WSGIEnvironment) -> Handling | Response | None:
        """Verify the delivery and make the environ ready; return the handling, or an answer."""
        method, headers = environ["REQUEST_METHOD"], _headers(environ)
        rest = self._receiving.look(headers, method, _target(environ))
        if self._receiving.secret_header is not None:
            # No error report is to send a checked secret on.
            environ.pop("HTTP_" + self._receiving.secret_header.upper().replace("-", "_"), None)
        if isinstance(rest, Response):
            return rest
        try:
            body = self._read(environ)
        except OSError:
            body = _gone()
        if isinstance(body, Response):
            return body
        verified = rest(body)
        if isinstance(verified, Response):
            return verified
        handling = self._receiving.begin(verified)
        if not isinstance(handling, Response):
            from io import BytesIO

            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
            environ.pop("HTTP_TRANSFER_ENCODING", None)  # there are no chunks any more
            environ[ENVIRON_KEY] = verified
        return handling

    def _handle(
        self, environ: WSGIEnvironment, start_response: StartResponse, handling: Handling
    ) -> Iterable[bytes]:
        well = False

        def noting(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal well
            well = status.startswith("2")
            # Some servers take two arguments alone, so the third goes only if it is one.
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        try:
            answer = self.app(environ, noting)
            try:
                # Read here: what a generator does is part of the handling too.
                return list(answer)
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except BaseException:
            well = False
            raise
        finally:
            handling.end(well)

    def _read(self, environ: WSGIEnvironment) -> bytes | Response:
        """Return the body, or the answer to one that cannot be read."""
        most = self._receiving.max_body
        length = environ.get("CONTENT_LENGTH", "")
        if length:
            if not re.fullmatch("[0-9]{1,18}", length) or int(length) > most:
                return self._receiving.too_large()
            body = _read(environ["wsgi.input"], int(length))
            return body if len(body) == int(length) else _gone()
        if environ.get("wsgi.input_terminated"):
            body = _read(environ["wsgi.input"], most + 1)
            return body if len(body) <= most else self._receiving.too_large()
        if "HTTP_TRANSFER_ENCODING" in environ:
            return problem(411, "webhook_length_required", "Say how long the body is.")
        return b""


def _read(stream: Any, size: int) -> bytes:
    """Return *size* bytes, or fewer where there are no more."""
    body = bytearray()
    while len(body) < size:
        chunk = stream.read(min(size - len(body), _CHUNK))
        if not chunk:
            break
        body += chunk
    return bytes(body)


def _headers(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    headers = [
        (name[5:].replace("_", "-"), value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    # What the server keeps under a name of its own, an HTTP signature may cover too.
    own = ("CONTENT_TYPE", "CONTENT_LENGTH")
    return headers + [(name.replace("_", "-"), environ[name]) for name in own if name in environ]


def _target(environ: WSGIEnvironment) -> str:
    """Return the path and query as they were sent, where the server shows that."""
    # gunicorn has the one, uWSGI, mod_wsgi and Werkzeug have the other.
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if raw:
        return re.sub("^[a-z]+://[^/?]*", "", raw, flags=re.IGNORECASE)
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    return quoted(path, "latin-1") + (f"?{query}" if query else "")


def _utf8(path: str) -> str:
    # What is no UTF-8, Bottle leaves out.
    return path.encode("latin-1", "ignore").decode("utf-8", "ignore")


def _gone() -> Response:
    """Return the answer to a sender who has gone: half a body is no body, and no event."""
    return problem(400, "webhook_incomplete", "The body has ended before its length.")


def _answer(
    environ: WSGIEnvironment, start_response: StartResponse, response: Response
) -> list[bytes]:
    if environ["REQUEST_METHOD"] == "HEAD":
        response = without_body(response)
    start_response(f"{response.status} {HTTPStatus(response.status).phrase}", response.headers)
    return [response.body]
