"""The leak guard under ASGI."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from countermark import asgi
from countermark.asgi import App, Receive, Scope, Send
from countermark.errors import LeakBlocked
from tests.drivers import answer, http_scope
from tests.leaks.guarded import RANDOM, SECRET, SECRETS, Exchange, stream

LENGTH = [(b"content-length", b"1000")]


def page(body: bytes, *headers: tuple[bytes, bytes]) -> App:
    """Return an application that sends *body* whole."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pairs = [(b"Content-Length", str(len(body)).encode()), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    return app


def test_a_page_with_a_secret_is_replaced_by_a_500() -> None:
    exchange = Exchange(page(b"<p>" + SECRET.encode()))
    assert exchange.status == 500
    assert exchange.error is None
    problem = json.loads(exchange.body)
    assert problem["type"] == "urn:countermark:problem:leak_blocked"
    assert (b"content-type", b"application/problem+json") in exchange.sent[0]["headers"]
    (event,) = exchange.events
    assert (event.name, event.reason) == ("leaked", "blocked")
    assert exchange.leaks[0][:1] + exchange.leaks[0][2:] == (
        "COGNITO_API_SECRET",
        "raw",
        "body",
        15,
    )


def test_a_page_without_a_secret_passes_unchanged() -> None:
    for mode in ("report", "block"):
        exchange = Exchange(page(b"<p>hello", (b"x-a", b"b")), mode)
        bare = Exchange(page(b"<p>hello", (b"x-a", b"b")), "off")
        assert exchange.sent == bare.sent
        assert exchange.events == []


def test_a_report_changes_nothing() -> None:
    app = stream([b"<p>", SECRET.encode(), b"</p>"], [(b"x-debug", SECRET.encode())])
    exchange = Exchange(app, "report")
    assert exchange.sent == Exchange(app, "off").sent
    assert exchange.error is None
    assert [event.reason for event in exchange.events] == ["reported", "reported"]
    assert [(leak.place, leak.offset) for leak in exchange.leaks] == [
        ("header x-debug", None),
        ("body", 15),
    ]


def test_off_returns_the_application_itself() -> None:
    app = page(b"")
    assert asgi.LeakGuardMiddleware(app, mode="off") is app
    assert asgi.LeakGuardMiddleware(app, mode="off", secrets=SECRETS, sample=0.5) is app
    guard: Any = asgi.LeakGuardMiddleware(app, mode="block", secrets=SECRETS)
    assert asgi.LeakGuardMiddleware(guard, mode="off") is guard
    assert guard.app is app


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ((b"X-Debug", b"key " + SECRET.encode()), "header X-Debug"),
        ((b"set-cookie", b"a=" + SECRET.encode().hex().encode()), "header set-cookie"),
        ((b"x-" + RANDOM.encode(), b"1"), "header"),
    ],
)
def test_a_secret_in_a_header_is_blocked_before_the_start(
    header: tuple[bytes, bytes], place: str
) -> None:
    exchange = Exchange(stream([b"<p>"], [header]))
    assert exchange.status == 500
    assert [leak.place for leak in exchange.leaks] == [place]
    assert RANDOM not in repr(exchange.events)


def test_headers_may_be_an_iterator_or_missing() -> None:
    for mode in ("report", "block"):
        exchange = Exchange(answer(iter([(b"x-a", b"b"), *LENGTH])), mode)
        assert [*exchange.sent[0]["headers"]] == [(b"x-a", b"b"), *LENGTH]
        assert exchange.body == b"ok"
        assert "headers" not in Exchange(answer(None), mode).sent[0]


def test_a_stream_is_cut_off_before_the_secret() -> None:
    exchange = Exchange(stream([b"<p>", SECRET.encode(), b"</p>"]))
    assert exchange.status == 200
    assert exchange.body == b"<p>"
    assert isinstance(exchange.error, LeakBlocked)
    assert isinstance(exchange.error, OSError)
    assert exchange.error.code == "leak_blocked"


def test_the_error_of_a_cut_holds_no_secret() -> None:
    exchange = Exchange(stream([b"<p>", SECRET.encode(), b"</p>"]))
    assert exchange.error is not None
    assert exchange.error.__context__ is None
    ours = exchange.error.__traceback__ and exchange.error.__traceback__.tb_next
    shown = traceback.TracebackException(
        type(exchange.error), exchange.error, ours, capture_locals=True
    )
    assert RANDOM not in "".join(shown.format())


def test_an_application_that_sends_on_sees_a_disconnected_client() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": SECRET.encode(), "more_body": True})
        seen.append((await receive())["type"])
        try:
            await send({"type": "http.response.body", "body": b"more", "more_body": True})
        except OSError as error:
            seen.append(type(error))
        raise ValueError(SECRET)  # its traceback would hold the secret

    exchange = Exchange(app)
    assert seen == ["http.request", "http.disconnect", LeakBlocked]
    assert isinstance(exchange.error, LeakBlocked)
    assert len(exchange.sent) == 1


def test_an_endless_stream_of_starlette_ends() -> None:
    class Endless:
        number = 0

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> str:
            self.number += 1
            return "<p>" if self.number == 1 else SECRET

    for version in ("2.3", "2.4"):
        scope = http_scope(asgi={"version": "3.0", "spec_version": version})
        exchange = Exchange(_starlette(lambda: StreamingResponse(Endless())), scope=scope)
        assert exchange.body == b"<p>"
        assert isinstance(exchange.error, LeakBlocked)


def test_an_error_of_the_application_is_raised_if_nothing_was_blocked() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("broken")

    assert isinstance(Exchange(app).error, ValueError)


def test_the_start_waits_for_the_body_only_if_the_response_has_a_length() -> None:
    for headers, started in ((LENGTH, 0), ([], 1)):
        sent: list[Any] = []
        seen: list[int] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": headers})  # noqa: B023
            seen.append(len(sent))  # noqa: B023
            await send({"type": "http.response.body", "body": b"ok"})

        Exchange(app, sent=sent)
        assert seen == [started]


def test_head_gets_the_500_without_a_body() -> None:
    app = page(SECRET.encode(), (b"x-debug", SECRET.encode()))
    exchange = Exchange(app, scope=http_scope(method="HEAD"))
    assert (exchange.status, exchange.body) == (500, b"")


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_passes(status: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pairs = [(b"content-encoding", b"gzip")]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body"})

    exchange = Exchange(app)
    assert (exchange.status, exchange.events, len(exchange.sent)) == (status, [], 2)


def test_a_secret_in_the_trailers_cuts_the_response_off() -> None:
    clean = Exchange(stream([b"ok"], trailers=[(b"x-sum", b"1")]))
    assert clean.sent[-1]["type"] == "http.response.trailers"
    assert clean.error is None
    leaking = Exchange(stream([b"ok"], trailers=[(b"x-sum", SECRET.encode())]))
    assert leaking.body == b"ok"
    assert leaking.sent[-1]["type"] == "http.response.body"
    assert isinstance(leaking.error, LeakBlocked)


def _starlette(respond: Any) -> Starlette:
    def view(request: Request) -> Response:
        response: Response = respond()
        return response

    return Starlette(routes=[Route("/", view)])


@pytest.mark.parametrize("mode", ["report", "block"])
def test_a_file_is_searched_although_the_server_could_send_it(mode: Any, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text(SECRET)
    extensions: dict[str, Any] = {"http.response.pathsend": {}, "http.response.early_hint": {}}
    exchange = Exchange(
        _starlette(lambda: FileResponse(file)), mode, http_scope(extensions=extensions)
    )
    assert [leak.place for leak in exchange.leaks] == ["body"]
    assert exchange.scope["extensions"] == {"http.response.early_hint": {}}
    assert exchange.status == (500 if mode == "block" else 200)


def test_a_file_that_is_sent_all_the_same_passes_with_an_event() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2):
            await send({"type": "http.response.pathsend", "path": "/file"})

    exchange = Exchange(app)
    assert [event.reason for event in exchange.events] == ["sent_by_server"]
    assert exchange.sent[-1]["path"] == "/file"


def test_websockets_and_the_lifespan_pass_unchanged() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.send", "text": SECRET})

    for kind in ("websocket", "lifespan", "other"):
        exchange = Exchange(app, scope={"type": kind})
        assert exchange.sent == [{"type": "websocket.send", "text": SECRET}]
        assert exchange.events == []


def test_a_message_of_another_kind_keeps_its_place() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.early_hint", "links": []})
        await send({"type": "http.response.start", "status": 200, "headers": LENGTH})
        await send({"type": "http.response.push", "path": "/"})
        await send({"type": "http.response.body", "body": b"ok"})

    kinds = [message["type"].rpartition(".")[2] for message in Exchange(app).sent]
    assert kinds == ["early_hint", "start", "push", "body"]


def test_an_error_of_the_search_never_affects_the_response() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [("text", "x")]})
        await send({"type": "http.response.body", "body": "text"})

    exchange = Exchange(app, "report")
    assert [message["type"] for message in exchange.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert [(event.reason, event.error) for event in exchange.events] == [
        ("search_raised", "TypeError")
    ]

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": "text"})

    exchange = Exchange(body, "report")
    assert [event.reason for event in exchange.events] == ["search_raised"]


def test_the_guard_can_be_added_to_starlette() -> None:
    app = _starlette(lambda: PlainTextResponse(SECRET))
    app.add_middleware(asgi.LeakGuardMiddleware, mode="block", secrets=SECRETS)
    assert Exchange(app, "off").status == 500
    bare = _starlette(lambda: PlainTextResponse(SECRET))
    bare.add_middleware(asgi.LeakGuardMiddleware, mode="off")
    assert Exchange(bare, "off").body == SECRET.encode()
