"""How large the handle of a request is, and whether it goes when the request does."""

from __future__ import annotations

import gc
import sys

from benchmarks import asgi_peers, asgi_stack, wsgi_stack
from benchmarks.measure import Block, Verdict
from benchmarks.subject import KEYRING
from countermark import RequestIdentity, Signer, asgi, wsgi

_LIMIT = 100


def verdicts() -> list[Verdict]:
    """Weigh the handle, and count those that outlive their request."""
    signer = Signer("stigg", KEYRING)
    inner = asgi.SigningMiddleware(asgi_peers.answer, signers=signer, principal=asgi_peers.user_id)
    outer = wsgi.SigningMiddleware(wsgi_stack.answer, signers=signer, principal=wsgi_stack.user_id)
    size = sys.getsizeof(_handle(signer))
    return [
        Verdict("`RequestIdentity`, bytes", f"≤ {_LIMIT}", str(size), "", size <= _LIMIT),
        _alive("ASGI", asgi_stack.requests(inner)),
        _alive("WSGI", wsgi_stack.requests(outer)),
    ]


def _handle(signer: Signer) -> RequestIdentity:
    """Return the handle that a request was given."""
    seen: list[RequestIdentity] = []

    async def look(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        seen.append(scope["state"]["countermark"])

    app = asgi.SigningMiddleware(look, signers=signer, principal=asgi_peers.user_id)
    asgi_stack.requests(app)(1)
    return seen[0]


def _alive(protocol: str, block: Block) -> Verdict:
    """Count the handles that are left by requests without a garbage collection."""
    requests = 100
    gc.collect()
    gc.disable()
    try:
        before = _handles()
        block(requests)
        alive = _handles() - before
    finally:
        gc.enable()
    return Verdict(
        f"{protocol}, handles alive after {requests} requests, without a garbage collection",
        "0",
        str(alive),
        "",
        alive == 0,
    )


def _handles() -> int:
    return sum(type(thing) is RequestIdentity for thing in gc.get_objects())
