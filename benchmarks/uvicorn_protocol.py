"""A Starlette application behind uvicorn's own protocol class, on a transport that drops it all.

This resolves tenths of a microsecond, where a load generator over a socket does
not resolve five per cent.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.config import Config
from uvicorn.loops.auto import auto_loop_factory
from uvicorn.server import ServerState

from benchmarks.asgi_peers import ConstantHeaders, HandWritten, user_id
from benchmarks.measure import Bar, Block, Suite, Variant
from benchmarks.subject import KEYRING, SIGNED_IN, TOKEN
from countermark import Signer
from countermark.asgi import App, Receive, Scope, Send, SigningMiddleware

_REQUEST = b"GET / HTTP/1.1\r\nHost: example.test\r\nAccept: */*\r\nUser-Agent: benchmark\r\n\r\n"
_TOKEN = TOKEN.encode()
_BARE = "Starlette, bare"
_SIGNED = "countermark, header and state"


def suite() -> Suite:
    """Return the application with and without the middleware, and the hand-written one."""
    loop: asyncio.AbstractEventLoop = auto_loop_factory()()
    signing = Middleware(SigningMiddleware, signers=Signer("stigg", KEYRING), principal=user_id)
    bare = _requests(_starlette(), loop, signs=False)
    return Suite(
        f"uvicorn's {_protocol(_starlette(), loop).__class__.__name__} in process,"
        f" on {type(loop).__module__.partition('.')[0]}, Starlette hello-world",
        [
            Variant(_BARE, bare),
            Variant("the same again (the noise)", bare, _BARE),
            Variant(_SIGNED, _requests(_starlette(signing), loop), _BARE, ours=True),
            Variant(
                "hand-written, hmac.new",
                _requests(_starlette(Middleware(HandWritten)), loop),
                _BARE,
            ),
            Variant(
                "the floor: three constant headers",
                _requests(_starlette(Middleware(ConstantHeaders)), loop),
                _BARE,
            ),
        ],
        [Bar("uvicorn and Starlette, header and state: share added", 0.2, _SIGNED, _BARE)],
        count=100,
    )


class _SignedIn:
    """Stands for authentication, in every variant."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["user"] = SIGNED_IN
        await self.app(scope, receive, send)


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello, world!")


def _starlette(*middleware: Middleware) -> Starlette:
    return Starlette(routes=[Route("/", _hello)], middleware=[Middleware(_SignedIn), *middleware])


class _Transport(asyncio.Transport):
    """Counts the responses, and those with a token, and drops them."""

    responses = tokens = 0

    def write(self, data: Any) -> None:
        self.responses += data.startswith(b"HTTP/1.1 200 ")
        self.tokens += _TOKEN in data

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 50000)}.get(name)


def _protocol(app: Starlette, loop: asyncio.AbstractEventLoop) -> Any:
    config = Config(app, log_config=None, access_log=False, lifespan="off", proxy_headers=False)
    config.load()
    make: Any = config.http_protocol_class
    return make(config=config, server_state=ServerState(), app_state={}, _loop=loop)


def _requests(app: Starlette, loop: asyncio.AbstractEventLoop, *, signs: bool = True) -> Block:
    protocol, transport = _protocol(app, loop), _Transport()

    async def run(count: int) -> None:
        if protocol.transport is None:
            protocol.connection_made(transport)
        transport.responses = transport.tokens = 0
        for _ in range(count):
            protocol.data_received(_REQUEST)
            # The task of the request was scheduled before this one goes on.
            await asyncio.sleep(0)
        assert transport.responses == count
        assert transport.tokens == (count if signs else 0)

    return lambda count: loop.run_until_complete(run(count))
