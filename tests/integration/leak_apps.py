"""Applications that send a secret, behind leak guards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from countermark import asgi, wsgi
from countermark.asgi import Receive, Scope, Send
from tests.leaks.guarded import SECRET, SECRETS

PAGES = {"/clean": [b"clean"], "/page": [SECRET.encode()]}
STREAMS = {"/stream": [b"first part\n", SECRET.encode(), b"last part\n"]}


async def leaking(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    chunks = PAGES.get(scope["path"]) or STREAMS[scope["path"]]
    headers = [(b"content-type", b"text/plain")]
    if scope["path"] in PAGES:
        headers.append((b"content-length", str(sum(map(len, chunks))).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def leaking_wsgi(environ: Any, start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return PAGES.get(path) or iter(STREAMS[path])


asgi_app = asgi.LeakGuardMiddleware(leaking, mode="block", secrets=SECRETS)
wsgi_app = wsgi.LeakGuardMiddleware(leaking_wsgi, mode="block", secrets=SECRETS)
