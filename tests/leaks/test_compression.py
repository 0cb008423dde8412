"""Compressed responses are decoded for the search, and sent as they are."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import brotli
import pytest
from django.utils.text import compress_sequence
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from countermark import Event, wsgi
from countermark.errors import LeakBlocked
from countermark.leaks._decoding import STEP
from tests.drivers import call, http_scope
from tests.leaks.guarded import (
    RANDOM,
    SECRET,
    SECRETS,
    Exchange,
    leaks_of,
    reported,
    sent_before_cut,
    stream,
)
from tests.memory import measured

PAGE = b"<p>filler</p>" * 300 + SECRET.encode() + b"<p>filler</p>" * 300
AT = PAGE.index(RANDOM.encode())


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZip": gzip.compress,
    "deflate": zlib.compress,
    " deflate ": raw_deflate,
    "br": brotli.compress,
    "identity": bytes,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data)),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_secret_in_a_compressed_body_is_found_at_its_decoded_offset(coding: str) -> None:
    body = CODINGS[coding](PAGE)
    headers = [("Content-Encoding", coding)]
    for chunks in (
        [body],
        [body[:1], body[1:]],
        [body[at : at + 7] for at in range(0, len(body), 7)],
    ):
        (leak,) = leaks_of(reported(chunks, headers))
        assert (leak.secret, leak.place, leak.offset) == ("COGNITO_API_SECRET", "body", AT)
    assert reported([CODINGS[coding](PAGE.replace(RANDOM.encode(), b""))], headers) == []


def test_codings_in_several_headers_are_applied_in_order() -> None:
    headers = [("Content-Encoding", "deflate"), ("content-encoding", "gzip")]
    assert leaks_of(reported([gzip.compress(zlib.compress(PAGE))], headers))


def test_all_members_of_a_gzip_body_are_searched() -> None:
    members = [gzip.compress(part) for part in (PAGE[:AT], PAGE[AT : AT + 9], PAGE[AT + 9 :])]
    for chunks in (members, [b"".join(members)]):
        assert leaks_of(reported(chunks, [("Content-Encoding", "gzip")]))


def starlette(respond: Callable[[], Response], **options: Any) -> Starlette:
    def view(request: Request) -> Response:
        return respond()

    app = Starlette(routes=[Route("/", view)])
    app.add_middleware(GZipMiddleware, **options)
    return app


SCOPE = http_scope(headers=[(b"host", b"testserver"), (b"accept-encoding", b"gzip")])


def test_a_page_that_starlette_compresses_is_blocked() -> None:
    exchange = Exchange(starlette(lambda: HTMLResponse(PAGE)), scope=SCOPE)
    assert [leak.offset for leak in exchange.leaks] == [AT]
    assert (exchange.status, exchange.error) == (500, None)
    assert RANDOM.encode() not in exchange.body


class Pieces:
    """An asynchronous iterator. Trio warns about a generator that is not exhausted."""

    def __init__(self, *pieces: bytes) -> None:
        self._left = iter(pieces)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        try:
            return next(self._left)
        except StopIteration:
            raise StopAsyncIteration from None


def test_a_stream_that_starlette_compresses_is_cut_off() -> None:
    secret = (RANDOM[at : at + 4].encode() for at in range(0, 64, 4))
    pieces = Pieces(PAGE[:AT], *secret, b".")
    exchange = Exchange(starlette(lambda: StreamingResponse(pieces)), scope=SCOPE)
    assert exchange.status == 200
    assert isinstance(exchange.error, LeakBlocked)
    sent = zlib.decompressobj(31).decompress(exchange.body)
    assert sent[: len(sent) - 3] == PAGE[: len(sent) - 3]
    assert RANDOM[:8].encode() not in sent


def test_a_compressed_page_without_a_secret_passes_unchanged() -> None:
    page = PAGE.replace(RANDOM.encode(), b"")
    exchange = Exchange(starlette(lambda: HTMLResponse(page)), scope=SCOPE)
    assert gzip.decompress(exchange.body) == page
    assert exchange.events == []


def brotli_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    compressor = brotli.Compressor()
    for chunk in chunks:
        yield compressor.process(chunk) + compressor.flush()
    yield compressor.finish()


def brotli_content(data: bytes) -> bytes:
    content: bytes = brotli.Decompressor().process(data)
    return content


@pytest.mark.parametrize(
    ("coding", "compress", "content"),
    [
        # Django's GZipMiddleware calls this for streams.
        ("gzip", compress_sequence, lambda data: zlib.decompressobj(31).decompress(data)),
        ("br", brotli_chunks, brotli_content),
    ],
)
def test_a_compressed_wsgi_response_is_cut_off(
    coding: str,
    compress: Callable[[Iterable[bytes]], Iterator[bytes]],
    content: Callable[[bytes], bytes],
) -> None:
    chunks = [PAGE[: AT - 50], PAGE[AT - 50 : AT + 10], PAGE[AT + 10 :]]

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Encoding", coding)])
        return compress(chunks)

    events: list[Event] = []
    guarded = wsgi.LeakGuardMiddleware(app, mode="block", secrets=SECRETS, on_event=events.append)
    assert PAGE[: AT - 50].startswith(content(sent_before_cut(call(guarded).body)))
    assert [leak.offset for leak in leaks_of(events)] == [AT]


@pytest.mark.parametrize(
    ("coding", "body", "reason"),
    [
        ("zstd", b"\x28\xb5\x2f\xfd", "unknown_coding"),
        ("gzip, zstd", b"\x28\xb5\x2f\xfd", "unknown_coding"),
        ("gzip", b"not gzip at all", "invalid_coding"),
        ("gzip", gzip.compress(PAGE)[:-30] + b"?" * 40, "invalid_coding"),
        ("deflate", b"\x78\x9c not deflate", "invalid_coding"),
        ("br", b"\xff\xff not brotli", "invalid_coding"),
    ],
)
def test_a_body_that_cannot_be_decoded_passes_with_an_event(
    coding: str, body: bytes, reason: str
) -> None:
    (event,) = [
        event
        for event in reported([body, b"more"], [("Content-Encoding", coding)])
        if event.leak is None
    ]
    assert (event.name, event.reason) == ("failed", reason)
    exchange = Exchange(stream([body], [(b"content-encoding", coding.encode())]))
    assert exchange.events[-1].reason == reason


def test_brotli_without_its_library_is_an_unknown_coding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    (event,) = reported([brotli.compress(PAGE)], [("Content-Encoding", "br")])
    assert event.reason == "unknown_coding"


def reasons(body: bytes, coding: str) -> list[str]:
    return [event.reason for event in reported([body], [("Content-Encoding", coding)])]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_a_bomb_needs_little_memory(coding: str) -> None:
    found, peak = measured(reasons, CODINGS[coding](bytes(8 << 20)), coding)
    assert found == ["expands_too_much"]
    assert peak < 2_000_000


@pytest.mark.parametrize("coding", ["gzip", "deflate", " deflate ", "br"])
def test_a_secret_at_the_end_of_a_long_run_is_found(coding: str) -> None:
    body = CODINGS[coding](bytes(900_000) + SECRET.encode())
    (leak,) = leaks_of(reported([body], [("Content-Encoding", coding)]))
    assert leak.offset == 900_000 + len("live_secret_")


@pytest.mark.parametrize("coding", ["gzip", "deflate", " deflate ", "br"])
def test_the_last_bytes_are_decoded_if_all_input_is_taken_before(coding: str) -> None:
    for last in range(8):
        body = bytes(STEP - len(SECRET) + last) + SECRET.encode()
        assert leaks_of(reported([CODINGS[coding](body)], [("Content-Encoding", coding)]))


def test_a_bomb_within_another_coding_costs_no_time() -> None:
    empty = gzip.compress(b"", mtime=0)  # each member of it takes time, and yields nothing
    bomb = gzip.compress(empty * 200_000)
    (event,) = reported([bomb], [("Content-Encoding", "gzip, gzip")])
    assert event.reason == "expands_too_much"


def test_a_compressed_body_that_is_empty_passes() -> None:
    assert reported([], [("Content-Encoding", "gzip")]) == []
    assert reported([b""], [("Content-Encoding", "gzip")]) == []
