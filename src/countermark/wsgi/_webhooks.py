"""The webhook middleware for WSGI."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from countermark._responses import Response, problem, without_body
from countermark.webhooks._deduplication import Claim
from countermark.webhooks._gate import WEBHOOK_KEY, WebhookGate, quoted
from countermark.wsgi._sending import send_response

if TYPE_CHECKING:
    from wsgiref.types import (
        StartResponse,
        WSGIApplication,  # noqa: F401  # the base class names it, as text
        WSGIEnvironment,
    )

_CHUNK = 1 << 16


class WebhookMiddleware(WebhookGate["WSGIApplication"]):
    """Passes on only requests that the vendor sent, unmodified, recently, and not handled before.

    The :class:`VerifiedWebhook` is stored in ``environ["countermark.verified_webhook"]``. The
    body is read whole before the application receives it, unchanged. Other requests get a 401,
    those with too large a body a 413, and those without a length a 411 unless the server
    marks the end of the body. Requests that verify the URL are answered, if the scheme
    describes them.

    Once the application has answered a delivery with 2xx, the middleware answers further
    attempts with 200. While one attempt is in flight, others get a 503, so that the vendor
    retries in case it fails. The response of the application is read whole before it is sent.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = _utf8(environ.get("PATH_INFO", ""))
        root = _utf8(environ.get("SCRIPT_NAME", ""))
        virtual = _utf8(environ.get("HTTP_X_VHM_ROOT", ""))  # Pyramid puts it before the path
        if not self._covers({path, root + path, virtual + path}):
            return self.app(environ, start_response)
        claim = self._verify(environ)
        if isinstance(claim, Response):
            return _respond(environ, start_response, claim)
        if claim is None:
            return self.app(environ, start_response)
        return self._handle(environ, start_response, claim)

    def _verify(self, environ: WSGIEnvironment) -> Claim | Response | None:
        """Verify and claim the delivery, and prepare the environ for the application."""
        method, target = environ["REQUEST_METHOD"], _target(environ)
        pending = self._check_head(_headers(environ), method, target)
        if self._secret_header is not None:
            # Remove the checked secret, so that no error report contains it.
            environ.pop("HTTP_" + self._secret_header.upper().replace("-", "_"), None)
        if isinstance(pending, Response):
            if self._secret_query:
                _remove_query(environ)  # it may hold the verify token
            return pending
        try:
            body = self._read(environ)
        except OSError:
            body = _incomplete()
        if isinstance(body, Response):
            return body
        verified = self._check_body(pending, body)
        if isinstance(verified, Response):
            return verified
        claim = self._claim(verified)
        if not isinstance(claim, Response):
            from io import BytesIO

            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
            environ.pop("HTTP_TRANSFER_ENCODING", None)  # the body is no longer chunked
            environ[WEBHOOK_KEY] = verified
        return claim

    def _handle(
        self, environ: WSGIEnvironment, start_response: StartResponse, claim: Claim
    ) -> Iterable[bytes]:
        success = False

        def recording(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal success
            success = status.startswith("2")
            # Some servers accept only two arguments, so the third is left out if it is None.
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        try:
            response = self.app(environ, recording)
            try:
                # Read here, as the code of a generator is a part of the handling too.
                return list(response)
            finally:
                if hasattr(response, "close"):
                    response.close()
        except BaseException:
            success = False
            raise
        finally:
            claim.settle(success)

    def _read(self, environ: WSGIEnvironment) -> bytes | Response:
        """Return the body, or the response if it cannot be read."""
        length = environ.get("CONTENT_LENGTH", "")
        if length:
            if not re.fullmatch("[0-9]+", length) or self._exceeds(length):
                return self._too_large()
            body = _read(environ["wsgi.input"], int(length))
            return body if len(body) == int(length) else _incomplete()
        if environ.get("wsgi.input_terminated"):
            body = _read(environ["wsgi.input"], self._max_body + 1)
            return body if len(body) <= self._max_body else self._too_large()
        if "HTTP_TRANSFER_ENCODING" in environ:
            return problem(411, "webhook_length_required", "Send a Content-Length.")
        return b""


def _read(stream: Any, size: int) -> bytes:
    """Return *size* bytes, or fewer if the stream ends before."""
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
    # WSGI has these two without HTTP_, and an HTTP signature may cover them.
    own = ("CONTENT_TYPE", "CONTENT_LENGTH")
    return headers + [(name.replace("_", "-"), environ[name]) for name in own if name in environ]


def _target(environ: WSGIEnvironment) -> str:
    """Return the path and query of the request line, if the server exposes it."""
    # gunicorn sets the first, uWSGI, mod_wsgi and Werkzeug set the second.
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if raw:
        return re.sub("^[a-z]+://[^/?]*", "", raw, flags=re.IGNORECASE)
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    return quoted(path, "latin-1") + (f"?{query}" if query else "")


def _remove_query(environ: WSGIEnvironment) -> None:
    environ["QUERY_STRING"] = ""
    for name in ("RAW_URI", "REQUEST_URI"):
        if name in environ:
            environ[name] = environ[name].partition("?")[0]


def _utf8(path: str) -> str:
    # Bottle leaves out bytes that are not UTF-8.
    return path.encode("latin-1", "ignore").decode("utf-8", "ignore")


def _incomplete() -> Response:
    """Return the response to a vendor that disconnected within the body. It causes no event."""
    return problem(400, "webhook_incomplete", "The body is shorter than its length.")


def _respond(
    environ: WSGIEnvironment, start_response: StartResponse, response: Response
) -> list[bytes]:
    if environ["REQUEST_METHOD"] == "HEAD":
        response = without_body(response)
    return send_response(response, start_response)
