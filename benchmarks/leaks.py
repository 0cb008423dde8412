"""The leak guard: the smallest response, and the growth with the body and the secrets."""

from __future__ import annotations

import gzip
import hashlib
import zlib

from starlette.middleware.gzip import GZipMiddleware

from benchmarks import asgi_peers, wsgi_stack
from benchmarks.asgi_stack import requests
from benchmarks.measure import Bar, Block, Suite, Variant
from countermark import Keyring
from countermark.asgi import App, LeakGuardMiddleware, Message, Receive, Scope, Send
from countermark.leaks import LeakMode
from countermark.wsgi import LeakGuardMiddleware as WSGILeakGuardMiddleware

_BARE = "bare application, two bytes"
_OFF = "off"
_REPORT = "report"
_BLOCK = "block"
_GZIP = "Starlette GZipMiddleware, two bytes"


def secrets(count: int) -> list[Keyring]:
    """Return keyrings of secrets with 64 hexadecimal digits."""
    return [Keyring(f"{7**70 + number:064x}"[-64:]) for number in range(count)]


def small_suite() -> Suite:
    """Return the smallest response under ASGI and WSGI."""
    guarded = {mode: _guarded(asgi_peers.answer, mode) for mode in ("report", "block")}
    off = LeakGuardMiddleware(asgi_peers.answer, mode="off")
    assert off is asgi_peers.answer
    wsgi = WSGILeakGuardMiddleware(wsgi_stack.answer, mode="report", secrets=secrets(3))
    wsgi_bare = "bare WSGI application, two bytes"
    zipped = GZipMiddleware(asgi_peers.answer)
    return Suite(
        "Leak guard with three secrets, the smallest response",
        [
            Variant(_BARE, requests(asgi_peers.answer)),
            Variant(_OFF, requests(off), _BARE, ours=True),
            Variant(_REPORT, requests(guarded["report"]), _BARE, ours=True),
            Variant(_BLOCK, requests(guarded["block"]), _BARE, ours=True),
            Variant(_GZIP, requests(zipped), _BARE),
            Variant(wsgi_bare, wsgi_stack.requests(wsgi_stack.answer)),
            Variant("report, WSGI", wsgi_stack.requests(wsgi), wsgi_bare, ours=True),
        ],
        [
            Bar("leak guard, report / GZipMiddleware that leaves it", 3, _REPORT, _GZIP),
            Bar("leak guard, block / report", 2.5, _BLOCK, _REPORT),
        ],
        count=200,
    )


def body_suite() -> Suite:
    """Return bodies of several sizes, and one body with several numbers of secrets."""
    bodies = {size: _table(size) for size in (1 << 16, 1 << 20)}
    page = bodies[1 << 16]
    compressed = gzip.compress(page, compresslevel=6)
    variants = [Variant("bare application, 64 KiB", requests(_page(page)))]
    names = {}
    for size, count in ((1 << 16, 3), (1 << 20, 3), (1 << 16, 1), (1 << 16, 30)):
        names[size, count] = name = f"report, {size >> 10} KiB, {count} secrets"
        app = _guarded(_page(bodies[size]), "report", count)
        variants.append(Variant(name, requests(app), variants[0].name, ours=True))
    zipped = "report, 64 KiB in gzip, 3 secrets"
    header = (b"content-encoding", b"gzip")
    unzip = "zlib.decompress of that"
    level_one = "zlib.compress of 64 KiB at level 1"
    variants += [
        Variant(zipped, requests(_guarded(_page(compressed, header), "report")), variants[0].name,
                ours=True),
        Variant("nothing", _repeat(lambda: None)),
        Variant(unzip, _repeat(lambda: zlib.decompress(compressed, 31)), "nothing"),
        Variant(level_one, _repeat(lambda: zlib.compress(page, 1)), "nothing"),
    ]  # fmt: skip
    base = names[1 << 16, 3]
    return Suite(
        "Leak guard, the growth with the body and with the secrets",
        variants,
        [
            Bar("leak guard, 1 MiB / 64 KiB: linear is 16", 24, names[1 << 20, 3], base),
            Bar("leak guard, 30 secrets / 1", 1.5, names[1 << 16, 30], names[1 << 16, 1]),
            Bar("leak guard, 64 KiB / compressing it at level 1", 1, base, level_one),
            Bar("leak guard, 64 KiB in gzip / as it is", 2.5, zipped, base),
        ],
        count=5,
    )


def _guarded(app: App, mode: LeakMode, count: int = 3) -> App:
    guarded: App = LeakGuardMiddleware(app, mode=mode, secrets=secrets(count))
    return guarded


def _page(body: bytes, *headers: tuple[bytes, bytes]) -> App:
    length = (b"content-length", str(len(body)).encode())
    start: Message = {"type": "http.response.start", "status": 200, "headers": [length, *headers]}

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return page


def _table(size: int) -> bytes:
    """Return the HTML of a table, each row with an id of its own."""
    ids = (hashlib.md5(str(number).encode()).hexdigest() for number in range(size // 64 + 1))
    row = '<tr><td>{}</td><td>{{"plan": "pro"}}</td></tr>\n'
    return "".join(row.format(id) for id in ids).encode()[:size]


def _repeat(function: object) -> Block:
    assert callable(function)

    def block(count: int) -> None:
        for _ in range(count):
            function()

    return block
