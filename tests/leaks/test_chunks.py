"""A secret is found across the borders of chunks, in linear time and bounded memory."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark import Keyring, wsgi
from countermark.asgi import Message, Receive, Scope, Send
from countermark.errors import LeakBlocked
from tests.drivers import call, wsgi_answer
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

ENCODED = base64.b64encode(b"x" + SECRET.encode())


@pytest.mark.parametrize("text", [SECRET.encode(), ENCODED, SECRET.encode().hex().encode()])
def test_a_secret_is_found_with_a_border_at_any_place(text: bytes) -> None:
    body = b"<p>" + text + b"</p>"
    (whole,) = leaks_of(reported([body]))
    for border in range(len(body) + 1):
        assert leaks_of(reported([body[:border], b"", body[border:]])) == [whole]


@given(st.lists(st.integers(0, 160), max_size=12), st.binary(max_size=80))
def test_a_secret_is_found_at_its_offset_with_borders_anywhere(
    borders: list[int], before: bytes
) -> None:
    body = before + SECRET.encode() + b"</p>"
    places = [0, *sorted(borders), len(body)]
    chunks = [body[start:end] for start, end in pairwise(places)]
    (leak,) = leaks_of(reported(chunks))
    assert leak.offset == len(before) + len("live_secret_")


def test_a_secret_that_arrives_byte_by_byte_is_found_once() -> None:
    chunks = [bytes([byte]) for byte in SECRET.encode() * 2]
    assert len(leaks_of(reported(chunks))) == 1


@pytest.mark.parametrize("size", [1, 3, 5, 40, 64, 65, 200])
def test_no_more_than_three_bytes_of_a_secret_are_sent_under_asgi(size: int) -> None:
    body = b"<p>" + RANDOM.encode() + b"</p>"
    exchange = Exchange(stream([body[at : at + size] for at in range(0, len(body), size)]))
    assert [leak.form for leak in exchange.leaks] == ["raw"]
    assert isinstance(exchange.error, LeakBlocked)
    assert len(exchange.body.removeprefix(b"<p>")) <= 3


@pytest.mark.parametrize("size", [1, 3, 5, 40, 64, 65, 200])
def test_no_more_than_three_bytes_of_a_secret_are_sent_under_wsgi(size: int) -> None:
    body = b"<p>" + RANDOM.encode() + b"</p>"

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"<!doctype html>"
        for at in range(0, len(body), size):
            yield body[at : at + size]

    answer = call(wsgi.LeakGuardMiddleware(app, mode="block", secrets=SECRETS))
    sent = sent_before_cut(answer.body)
    assert len(sent.removeprefix(b"<!doctype html>").removeprefix(b"<p>")) <= 3


def test_a_chunk_waits_only_if_it_ends_in_the_beginning_of_a_secret() -> None:
    chunks = [b"data: 1\n\n", b"data: " + RANDOM[:30].encode(), b"no\n\n", RANDOM[:3].encode()]
    sent: list[Message] = []
    sent_before: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for chunk in chunks:
            sent_before.append(len(sent))
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        sent_before.append(len(sent))
        await send({"type": "http.response.body", "body": b""})

    exchange = Exchange(app, sent=sent)
    assert sent_before == [1, 2, 2, 4, 5]
    assert [message.get("body") for message in sent] == [None, *chunks, b""]
    assert exchange.events == []


def test_a_beginning_of_a_secret_at_the_end_of_a_body_is_sent() -> None:
    half = RANDOM[:30].encode()
    exchange = Exchange(stream([b"<p>", half]))
    assert (exchange.body, exchange.error) == (b"<p>" + half, None)

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return iter([b"<p>", half])

    answer = call(wsgi.LeakGuardMiddleware(app, mode="block", secrets=SECRETS))
    assert list(answer.body) == [b"<p>", b"", half]


def length_of_a_guarded_body(mode: Any) -> int:
    chunk = bytes(range(256)) * 256  # 64 KiB

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(30):
            yield chunk
        yield chunk * 16  # one chunk of 1 MiB

    answer = call(wsgi.LeakGuardMiddleware(app, mode=mode, secrets=SECRETS))
    return sum(len(part) for part in answer.body)


@pytest.mark.parametrize("mode", ["report", "block"])
def test_the_memory_of_a_search_is_bounded(mode: str) -> None:
    length, peak = measured(length_of_a_guarded_body, mode)
    assert length == 46 << 16
    assert peak < (1 << 20) + (5 << 16)


def prepare_a_search(secrets: int) -> None:
    rings = [Keyring(f"{number:032x}") for number in range(1 << 60, (1 << 60) + secrets)]
    wsgi.LeakGuardMiddleware(wsgi_answer(), mode="report", secrets=rings)


def test_the_memory_of_a_search_grows_linearly_with_the_number_of_secrets() -> None:
    assert measured(prepare_a_search, 200).peak < 2.5 * measured(prepare_a_search, 100).peak
