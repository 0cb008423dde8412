"""Many schemes configured, one of them read: only what is read may cost."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from benchmarks.asgi_peers import answer, user_id
from benchmarks.asgi_stack import requests
from benchmarks.measure import Bar, Suite, Variant
from benchmarks.subject import KEYRING
from countermark import Scheme, Signer
from countermark.asgi import Receive, Scope, Send, SigningMiddleware

_BARE = "bare application"


def suite() -> Suite:
    """Return the middleware with one scheme up to 32."""
    counts = (1, 8, 32)
    return Suite(
        "ASGI, schemes configured, state only, one token read",
        [
            Variant(_BARE, requests(answer)),
            *(
                Variant(_name(count), requests(with_schemes(count)), _BARE, ours=True)
                for count in counts
            ),
        ],
        [Bar("32 schemes configured / one, one token read", 1.05, _name(32), _name(1))],
        count=200,
    )


def _name(count: int) -> str:
    return f"countermark, {count} scheme{'s' if count > 1 else ''}"


def with_schemes(count: int) -> SigningMiddleware:
    """Return the middleware with *count* schemes, and an application that reads one token."""
    signers = [Signer(numbered_scheme(number), KEYRING, header=None) for number in range(count)]
    last = signers[-1].scheme.slug

    async def answer_and_read(scope: Scope, receive: Receive, send: Send) -> None:
        token = scope["state"]["countermark"][last].token
        assert token
        await answer(scope, receive, send)

    return SigningMiddleware(answer_and_read, signers=signers, principal=user_id)


def numbered_scheme(number: int) -> Scheme:
    """Return a scheme like Stigg's, with a name and a header of its own."""
    scheme_file = files("countermark") / "schemes" / "catalogue" / "stigg.toml"
    data = tomllib.loads(scheme_file.read_text(encoding="utf-8"))
    own = {"slug": f"vendor-{number}", "token": data["token"] | {"header": f"Token-{number}"}}
    return Scheme.from_mapping(data | own)
