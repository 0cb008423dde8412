"""The constants of the tests of the ASGI signing middleware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from countermark import Signer
from countermark.asgi import SigningMiddleware

USER = "user-1"
TOKEN = b"stigg-customer-token"
PLAIN = [(b"content-type", b"text/plain")]
VARY = (b"vary", b"Cookie, Authorization")
CLOSED = (b"cache-control", b"private, no-store")

Wrap = Callable[..., SigningMiddleware]


def token(signer: Signer, principal: Any = USER) -> bytes:
    return signer.sign(principal).encode()
