"""Protects the demo: its origin, the headers of its pages, and the bodies of its forms."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse

from countermark.asgi import App, Message, Receive, Scope, Send

#: The names by which a browser on this machine reaches the demo. Others are refused, so that
#: no site can reach it by a name of its own.
HOSTS = ["127.0.0.1", "localhost"]

_MOST_BYTES = 100_000


class Protection:
    """Refuses requests that other sites make, and adds a Content-Security-Policy.

    ``request.state.nonce`` is the nonce of the page's scripts.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if scope["method"] not in {"GET", "HEAD", "OPTIONS"} and not _is_same_origin(request):
            refusal = PlainTextResponse("The request is from another origin.", 403)
            await refusal(scope, receive, send)
            return
        request.state.nonce = nonce = secrets.token_urlsafe(16)
        framed = scope["path"].endswith("/other-origin")
        headers = _headers(nonce, framed=framed)

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = [header for header in headers if header[0] not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, send_protected)


def _is_same_origin(request: Request) -> bool:
    return request.headers.get("origin") == f"{request.url.scheme}://{request.url.netloc}"


def _headers(nonce: str, *, framed: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers of a page. A frame of the demo's own may show it if *framed*."""
    ancestors = "'self'" if framed else "'none'"
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; connect-src 'self';"
        f" img-src data:; frame-src 'self'; form-action 'self'; base-uri 'none';"
        f" frame-ancestors {ancestors}"
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        # Browsers send no Origin with the forms of pages that have no referrer.
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
    ]


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form; nothing if it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            return {}
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
