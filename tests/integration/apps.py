"""Applications for the tests with real servers, which import them by name."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

from countermark import Keyring, RequestIdentity, Signer, asgi, wsgi
from countermark.asgi import Receive, Scope, Send
from tests.drivers import Environ

SECRET = "a-secret-of-the-tests-with-enough-bytes"
SIGNER = Signer("stigg", Keyring(SECRET))

#: The headers of the paths. The pages for everybody hold no token.
PATHS: dict[str, dict[str, str]] = {
    "/": {},
    "/public": {"cache-control": "public, max-age=60"},
    "/validated": {"etag": '"1"'},
    "/revalidated": {"cache-control": "no-cache"},
}


def user_of_cookie(header: str) -> str | None:
    """Return the user of the cookie, which these tests believe."""
    cookie = SimpleCookie(header).get("user")
    return cookie.value if cookie else None


def asgi_user(scope: Scope) -> str | None:
    return user_of_cookie(dict(scope["headers"]).get(b"cookie", b"").decode())


def page(path: str, identity: RequestIdentity) -> bytes:
    if path in {"/public", "/validated"}:
        return b"everybody"
    signed = identity.get("stigg")
    return signed.token.encode() if signed else b"nobody"


async def asgi_page(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = page(scope["path"], scope["state"]["countermark"])
    headers = {"content-type": "text/plain", **PATHS.get(scope["path"], {})}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


asgi_app = asgi.SigningMiddleware(asgi_page, signers=SIGNER, principal=asgi_user)


def wsgi_page(environ: Environ, start_response: Any) -> list[bytes]:
    headers = {"Content-Type": "text/plain", **PATHS.get(environ["PATH_INFO"], {})}
    start_response("200 OK", list(headers.items()))
    return [page(environ["PATH_INFO"], environ[wsgi.IDENTITY_KEY])]


wsgi_app = wsgi.SigningMiddleware(
    wsgi_page,
    signers=SIGNER,
    principal=lambda environ: user_of_cookie(environ.get("HTTP_COOKIE", "")),
)
