"""The leak guard under WSGI."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper, setup_testing_defaults

import flask
import pytest

from countermark import Event, wsgi
from countermark.errors import LeakBlocked
from tests.drivers import WSGIAnswer, call
from tests.leaks.guarded import RANDOM, SECRET, SECRETS, leaks_of, sent_before_cut

App = Callable[..., Iterable[bytes]]


def app_of(body: Any, *headers: tuple[str, str], status: str = "200 OK") -> App:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [("Content-Type", "text/plain"), *headers])
        return body

    return app


def guarded(app: App, mode: Any = "block", **options: Any) -> Any:
    return wsgi.LeakGuardMiddleware(app, mode=mode, **{"secrets": SECRETS} | options)


def served(app: App) -> bytes:
    """Return the whole response as wsgiref sends it."""
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    out = io.BytesIO()
    handler = SimpleHandler(io.BytesIO(), out, io.StringIO(), environ)
    handler.run(app)
    return out.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        [b"<p>", SECRET.encode()],
        (SECRET.encode(),),
        [SECRET.encode(), b"!", SECRET.encode()],
        iter([SECRET.encode(), b"never sent"]),
        iter([RANDOM[:30].encode(), RANDOM[30:].encode()]),
    ],
)
def test_a_response_is_replaced_by_a_500_if_nothing_was_sent(body: Any) -> None:
    answer = call(guarded(app_of(body)))
    sent = b"".join(answer.body)
    assert json.loads(sent)["type"] == "urn:countermark:problem:leak_blocked"
    assert [start[0] for start in answer.starts] == ["500 Internal Server Error"]
    assert answer.header("Content-Length") == str(len(sent))


@pytest.mark.parametrize("body", [[SECRET.encode()], iter([SECRET.encode()])])
def test_wsgiref_sends_the_500(body: Any) -> None:
    sent = served(guarded(app_of(body)))
    assert sent.startswith(b"HTTP/1.0 500 ")
    assert b"leak_blocked" in sent
    assert RANDOM.encode() not in sent


def test_nothing_is_yielded_before_the_response_has_begun() -> None:
    answer = call(guarded(app_of(iter([RANDOM[:30].encode(), RANDOM[30:40].encode(), b"!"]))))
    yielded = []
    for chunk in answer.body:
        assert len(answer.starts) == 1
        yielded.append(chunk)
    assert yielded == [RANDOM[:40].encode() + b"!"]


def test_a_list_stays_the_same_list() -> None:
    for mode in ("report", "block"):
        body = [b"a", b"b"]
        answer = call(guarded(app_of(body), mode))
        assert answer.body is body


def test_a_report_changes_nothing() -> None:
    events: list[Event] = []
    body = [SECRET.encode()]
    answer = call(guarded(app_of(body, ("X-Debug", SECRET)), "report", on_event=events.append))
    assert answer.body is body
    assert answer.starts == [("200 OK", [("Content-Type", "text/plain"), ("X-Debug", SECRET)])]
    assert [leak.place for leak in leaks_of(events)] == ["header X-Debug", "body"]


@pytest.mark.parametrize("body", [[], [b"page"], [SECRET.encode()], iter([b"page"]), iter([])])
@pytest.mark.parametrize(
    ("status", "headers"),
    [("200 OK", [("X-Debug", SECRET)]), (f"200 {SECRET}", []), ("200 OK", [(f"X-{RANDOM}", "")])],
)
def test_a_secret_in_the_head_is_blocked(
    status: str, headers: list[tuple[str, str]], body: Any
) -> None:
    answer = call(guarded(app_of(body, *headers, status=status)))
    assert b"leak_blocked" in b"".join(answer.body)
    assert [start[0] for start in answer.starts] == ["500 Internal Server Error"]


def test_off_returns_the_application_itself() -> None:
    app = app_of([])
    assert guarded(app, "off") is app
    guard = guarded(app)
    assert guarded(guard, "off") is guard
    assert guard.app is app


def test_head_gets_the_500_without_a_body() -> None:
    answer = call(guarded(app_of([b""], ("X-Debug", SECRET))), REQUEST_METHOD="HEAD")
    assert b"".join(answer.body) == b""
    assert answer.starts[-1][0].startswith("500")


def test_a_generator_that_starts_its_response_late_is_searched() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield SECRET.encode()

    assert b"leak_blocked" in b"".join(call(guarded(app)).body)


def test_a_stream_that_has_begun_is_cut_off_and_closed() -> None:
    closed = []

    class Body:
        def __iter__(self) -> Any:
            return iter([b"<p>", SECRET.encode(), b"</p>"])

        def close(self) -> None:
            closed.append(True)

    answer = call(guarded(app_of(Body())))
    assert sent_before_cut(answer.body) == b"<p>"
    answer.body.close()  # type: ignore[attr-defined]
    assert closed == [True]
    iterable: Any = call(guarded(app_of(iter([b"ok"])))).body
    iterable.close()


def test_files_are_searched_as_the_wrapper_of_the_server_is_removed() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        wrap = environ.get("wsgi.file_wrapper", FileWrapper)
        return wrap(io.BytesIO(SECRET.encode()))

    answer = call(guarded(app), **{"wsgi.file_wrapper": lambda file: pytest.fail("not searched")})
    assert b"leak_blocked" in b"".join(answer.body)


def written(app: App, mode: Any = "block") -> tuple[bytes, Any]:
    """Run an application that calls ``write()``; return what was written, and the body."""
    sent: list[bytes] = []
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = guarded(app, mode)(environ, lambda *arguments: sent.append)
    return b"".join(sent), body


def writer(*chunks: bytes, body: Any = ()) -> App:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        for chunk in chunks:
            write(chunk)
        return body

    return app


def test_what_an_old_application_writes_is_searched() -> None:
    assert written(writer(b"a", b"b", body=[b"c"]))[0] == b"ab"
    assert written(writer(SECRET.encode()), "report")[0] == SECRET.encode()
    assert b"leak_blocked" in written(writer(SECRET.encode(), b"more"))[0]
    with pytest.raises(LeakBlocked):
        written(writer(b"<p>", SECRET.encode()))


def test_a_secret_that_begins_in_write_and_ends_in_the_body_is_found() -> None:
    rest = iter([RANDOM[30:].encode()])
    sent, body = written(writer(b"<p>", RANDOM[:30].encode(), body=rest))
    assert sent == b"<p>"
    assert sent_before_cut(body) == b""
    with pytest.raises(LeakBlocked):
        written(writer(b"<p>", RANDOM[:30].encode(), body=[RANDOM[30:].encode()]))
    sent, body = written(writer(b"<p>", RANDOM[:30].encode(), body=[]))
    assert b"".join(body) == RANDOM[:30].encode()


def test_an_error_page_after_the_block_is_dropped() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("X-Debug", SECRET)])
        start_response("500 Oops", [], (ValueError, ValueError(), None))
        return [b"page"]

    answer = call(guarded(app))
    assert b"leak_blocked" in b"".join(answer.body)
    assert len(answer.starts) == 1
    assert answer.starts[0][0] == "500 Internal Server Error"


def test_an_error_page_replaces_a_page_that_has_not_begun() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("X-Debug", "1")])
        start_response("500 Oops", [], (ValueError, ValueError(), None))
        return [b"page"]

    assert call(guarded(app)).starts == [("500 Oops", [])]


def test_an_error_page_replaces_the_bytes_that_were_held_back() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield RANDOM[:30].encode()
        start_response("500 Oops", [], (ValueError, ValueError(), None))
        yield b"page"

    answer = call(guarded(app))
    assert b"".join(answer.body) == b"page"
    assert answer.starts == [("500 Oops", [])]


@pytest.mark.parametrize("headers", [[], [("X-Debug", SECRET)]])
def test_an_error_page_after_the_begin_is_for_the_server_to_judge(headers: Any) -> None:
    error = (ValueError, ValueError(), None)

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"<p>"
        start_response("500 Oops", headers, error)
        yield b"page"

    answer = call(guarded(app))
    assert sent_before_cut(answer.body) == (b"<p>" if headers else b"<p>page")
    assert answer.starts[1:] == ([] if headers else [("500 Oops", [], error)])


def test_an_empty_chunk_passes_and_begins_the_response() -> None:
    answer = call(guarded(app_of(iter([b"", b"page", b""]))))
    assert list(answer.body) == [b"", b"page", b""]


@pytest.mark.parametrize("body", [[b"a", b"b"], iter([b"a", b"b"])])
def test_a_server_without_write_gets_the_response(body: Any) -> None:
    starts: list[Any] = []

    def start_response(*arguments: Any) -> None:  # as that of asgiref
        starts.append(arguments)

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    assert b"".join(guarded(app_of(body))(environ, start_response)) == b"ab"
    assert len(starts) == 1


def test_an_application_that_never_starts_its_response_is_for_the_server_to_judge() -> None:
    answer = call(guarded(lambda environ, start_response: iter([])))
    assert list(answer.body) == []
    assert answer.starts == []


def test_exc_info_is_passed_on() -> None:
    error = (ValueError, ValueError(), None)

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("500 Oops", [], error)
        return [b"page"]

    answer: WSGIAnswer = call(guarded(app))
    assert answer.starts == [("500 Oops", [], error)]


def test_flask_behind_the_guard() -> None:
    app = flask.Flask("app")
    app.add_url_rule("/leak", "leak", lambda: f"key: {SECRET}")
    app.add_url_rule("/clean", "clean", lambda: "clean")
    app.wsgi_app = guarded(app.wsgi_app)  # type: ignore[method-assign]
    client = app.test_client()
    assert client.get("/clean").text == "clean"
    leaking = client.get("/leak")
    assert (leaking.status_code, leaking.json["status"]) == (500, 500)  # type: ignore[index]


def test_the_file_wrapper_of_the_server_is_put_back() -> None:
    environ: dict[str, Any] = {"wsgi.file_wrapper": FileWrapper}
    setup_testing_defaults(environ)

    def failing(environ: Any, start_response: Any) -> Iterable[bytes]:
        assert "wsgi.file_wrapper" not in environ
        raise ValueError

    guarded(app_of([]))(environ, lambda *arguments: None)
    with pytest.raises(ValueError):
        guarded(failing)(environ, lambda *arguments: None)
    assert environ["wsgi.file_wrapper"] is FileWrapper
