"""The headers of responses under ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from countermark import Signer
from countermark.asgi import Receive, Scope, Send
from countermark.signing import RequestIdentity
from tests.asgi.samples import CLOSED, PLAIN, TOKEN, USER, VARY, Wrap, token
from tests.conftest import Events
from tests.drivers import answer, asend, header, http_scope, request


def test_the_token_is_in_state_and_header(
    wrap: Wrap, stigg: Signer, run: Callable[..., Any]
) -> None:
    seen = []

    def read(scope: Scope) -> None:
        seen.append(scope["state"]["countermark"]["stigg"].token)

    start, body = run(asend, wrap(answer(PLAIN, before=read)), http_scope())
    assert seen == [stigg.sign(USER)]
    assert start["headers"] == [
        *PLAIN,
        VARY,
        CLOSED,
        (TOKEN, token(stigg)),
    ]
    assert body == {"type": "http.response.body", "body": b"ok"}


def test_an_anonymous_response_has_no_token_but_varies(wrap: Wrap, events: Events) -> None:
    app = wrap(answer(PLAIN), None)
    for _ in range(2):
        start, _ = request(app)
        assert start["headers"] == [*PLAIN, VARY]
    assert events == []


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        (),
        [(b"X-A", b"1")],
        ((b"X-A", b"1"),),
        [[b"X-A", b"1"]],
        [(b"Set-Cookie", b"a=1"), (b"X-Odd", b"\xff"), (b"set-cookie", b"b=2")],
    ],
    ids=["no key", "empty", "tuple", "mixed case", "tuples", "lists", "repeated"],
)
def test_headers_in_every_allowed_form_are_accepted_and_kept(
    wrap: Wrap, stigg: Signer, headers: Any
) -> None:
    start, _ = request(wrap(answer(headers)))
    kept = start["headers"][:-3]
    assert kept == list(headers or ())
    assert header(start, TOKEN) == token(stigg)


@pytest.mark.parametrize("principal", [USER, None])
@pytest.mark.parametrize("cache_control", [b"public", b"no-cache"])
def test_headers_from_a_generator_are_sent(
    wrap: Wrap, principal: str | None, cache_control: bytes
) -> None:
    def generate() -> Iterator[tuple[bytes, bytes]]:
        yield b"x-a", b"1"
        yield b"cache-control", cache_control

    def failing(scope: Scope) -> str:
        raise OSError

    for resolver in (principal, failing):
        start, _ = request(wrap(answer(generate()), resolver))
        assert start["headers"][0] == (b"x-a", b"1")
        assert (header(start, b"cache-control") or b"").startswith(cache_control)


@pytest.mark.parametrize("headers", [PLAIN, [(b"x-a", b"1"), (b"vary", b"Accept")]], ids=str)
def test_a_message_and_its_headers_are_not_changed(wrap: Wrap, headers: Any) -> None:
    message = {"type": "http.response.start", "status": 200, "headers": headers, "trailers": True}
    before = {**message, "headers": headers.copy()}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(message)

    middleware = wrap(app)
    for _ in range(3):
        (start,) = request(middleware)
        assert start["trailers"] is True
        assert header(start, TOKEN)
        assert message == before
        assert start is not message


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([(b"cache-control", b"public, max-age=60")], "public"),
        ([(b"ETag", b'"1"'), (b"content-length", b"2")], "validator"),
        ([(b"CDN-Cache-Control", b"max-age=60")], "targeted_field"),
    ],
)
def test_a_response_for_shared_caches_is_left_alone(
    stigg: Signer, wrap: Wrap, events: Events, headers: Any, reason: str
) -> None:
    def resolve(scope: Scope) -> str:
        pytest.fail("the principal is not needed")

    for form in (headers, tuple(headers)):
        events.clear()
        messages = request(wrap(answer(form), resolve))
        assert messages == request(answer(form))
        assert [(event.name, event.reason) for event in events] == [("withheld", reason)]


def test_a_token_that_was_read_for_such_a_response_is_reported(
    wrap: Wrap, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    def read(scope: Scope) -> None:
        scope["state"]["countermark"].payload()

    headers = [(b"cache-control", b"public")]
    request(wrap(answer(headers, before=read)))
    assert [(event.name, event.reason) for event in events[1:]] == [("exposed", "public")]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    request(wrap(answer(headers, before=read), None))
    assert events[-1].name == "withheld"


def test_a_token_that_is_read_later_for_such_a_response_is_reported(
    wrap: Wrap, events: Events
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer([(b"cache-control", b"public")])(scope, receive, send)
        for _ in range(2):
            scope["state"]["countermark"].payload()

    request(wrap(app))
    assert [event.name for event in events] == ["withheld", "signed", "exposed"]


@pytest.mark.parametrize("headers", [PLAIN, [(b"vary", b"Accept")]], ids=str)
@pytest.mark.parametrize("then", ["forget", "fail"])
def test_a_response_is_closed_if_any_earlier_users_token_was_read(
    wrap: Wrap, headers: Any, then: str
) -> None:
    def read(scope: Scope) -> None:
        scope["state"]["countermark"].payload()
        if then == "forget":
            scope["state"]["countermark"].forget()
        else:
            del scope["user"]

    app = wrap(answer(headers, before=read), lambda scope: scope["user"])
    for _ in range(2):
        start, _ = request(app, http_scope(user=USER))
        assert header(start, TOKEN) is None
        assert header(start, b"cache-control") == CLOSED[1]
        assert b"Cookie" in (header(start, b"vary") or b"")


@pytest.mark.parametrize("status", [100, 103, 304])
def test_some_statuses_never_carry_a_token(wrap: Wrap, events: Events, status: int) -> None:
    assert request(wrap(answer(PLAIN, status))) == request(answer(PLAIN, status))
    assert events == []


@pytest.mark.parametrize("status", [200, 204, 206, 301, 401, 404, 500])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_other_statuses_carry_a_token(wrap: Wrap, stigg: Signer, status: int, method: str) -> None:
    start, _ = request(wrap(answer(PLAIN, status)), http_scope(method=method))
    assert header(start, TOKEN) == token(stigg)


def test_a_preflight_request_is_left_alone(wrap: Wrap) -> None:
    scope = http_scope(method="OPTIONS")
    assert request(wrap(answer(PLAIN)), scope) == request(answer(PLAIN))
    assert isinstance(scope["countermark"], RequestIdentity)


def test_existing_lines_are_merged_and_not_repeated(wrap: Wrap, stigg: Signer) -> None:
    headers = [(b"Vary", b"Accept"), (b"Cache-Control", b"no-cache"), (TOKEN.upper(), b"old")]
    start, _ = request(wrap(answer(headers)))
    assert start["headers"] == [
        (b"Vary", b"Accept, Cookie, Authorization"),
        (b"Cache-Control", b"no-cache, private, no-store"),
        (TOKEN, token(stigg)),
    ]


def test_bytes_that_are_not_text_survive_merging(wrap: Wrap) -> None:
    start, _ = request(wrap(answer([(b"vary", b"\xff"), (b"\xfe", b"\xfd")])))
    assert start["headers"][:2] == [(b"vary", b"\xff, Cookie, Authorization"), (b"\xfe", b"\xfd")]
