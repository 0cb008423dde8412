"""Applications that read the user from a header of a proxy, for the tests with real servers."""

from __future__ import annotations

from typing import Any

from countermark import Event, Keyring, RequestIdentity, Signer, asgi, wsgi
from countermark.asgi import App, Receive, Scope, Send
from countermark.resolvers import from_proxy_header
from tests.drivers import Environ

SECRET = "a-secret-of-the-tests-with-enough-bytes"
SIGNER = Signer("stigg", Keyring(SECRET))
HEADER = "X-Forwarded-User"
#: A proxy that is not there. The tests send from 127.0.0.1, and claim to be this one.
CLAIMED = "10.9.8.7"

#: The types of the errors behind the events of this process, in order.
errors: list[str] = []


def note(event: Event) -> None:
    if event.error is not None:
        errors.append(event.error)


def page(path: str, identity: RequestIdentity) -> bytes:
    if path == "/errors":
        return " ".join(errors).encode()
    signed = identity.get("stigg")
    return signed.token.encode() if signed else b"anonymous"


async def asgi_page(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = page(scope["path"], scope["state"]["countermark"])
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi_page(environ: Environ, start_response: Any) -> list[bytes]:
    body = page(environ["PATH_INFO"], environ[wsgi.IDENTITY_KEY])
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


def asgi_with(resolver: Any) -> App:
    return asgi.SigningMiddleware(asgi_page, signers=SIGNER, principal=resolver, on_event=note)


def wsgi_with(resolver: Any) -> Any:
    return wsgi.SigningMiddleware(wsgi_page, signers=SIGNER, principal=resolver, on_event=note)


_attacked = from_proxy_header(HEADER, proxies=[CLAIMED, "unix:"])
asgi_attacked, wsgi_attacked = asgi_with(_attacked), wsgi_with(_attacked)

# The user states what is not true where a server replaces the address.
_misled = from_proxy_header(HEADER, proxies=[CLAIMED, "unix:"], server_keeps_peer=True)
asgi_misled, wsgi_misled = asgi_with(_misled), wsgi_with(_misled)

_stated = from_proxy_header(HEADER, proxies="127.0.0.1", server_keeps_peer=True)
asgi_stated, wsgi_stated = asgi_with(_stated), wsgi_with(_stated)

wsgi_proven = wsgi_with(from_proxy_header(HEADER, proxies="127.0.0.1"))
asgi_unix = asgi_with(from_proxy_header(HEADER, proxies="unix:", server_keeps_peer=True))
wsgi_unix = wsgi_with(from_proxy_header(HEADER, proxies="unix:"))
