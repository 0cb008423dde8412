"""An identity is settled and freed with its request, even without a token in the response."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from countermark import Keyring, Signer
from countermark import asgi as asgi_side
from countermark import wsgi as wsgi_side
from countermark.asgi import Receive, Scope, Send
from countermark.signing import RequestIdentity
from countermark.wsgi import IDENTITY_KEY
from tests.conftest import Events
from tests.drivers import Environ, answer, call, http_scope, request, write, wsgi_answer

SECRET = "a-secret-of-the-tests-with-enough-bytes"
PLAIN = [("Content-Type", "text/plain")]
PUBLIC = [*PLAIN, ("Cache-Control", "public")]


def stigg(*, header: bool = True) -> Signer:
    keyring = Keyring(SECRET)
    return Signer("stigg", keyring) if header else Signer("stigg", keyring, header=None)


# Responses that carry no token: status, headers, method, and whether there is a token header.
CARRIES_NOTHING = pytest.mark.parametrize(
    ("status", "headers", "method", "header"),
    [
        ("304 Not Modified", PLAIN, "GET", True),
        ("200 OK", PUBLIC, "GET", True),
        ("200 OK", PLAIN, "OPTIONS", True),
        ("200 OK", PLAIN, "GET", False),
        ("200 OK", PUBLIC, "GET", False),
        ("odd", PLAIN, "GET", True),
        ("200 OK", [("odd",)], "GET", True),
    ],
    ids=["304", "public", "OPTIONS", "state only", "state only public", "odd status", "odd header"],
)


def handles() -> int:
    return sum(type(thing) is RequestIdentity for thing in gc.get_objects())


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class TestWSGI:
    @CARRIES_NOTHING
    def test_an_environ_that_is_used_again_is_a_new_request(
        self, status: str, headers: Any, method: str, header: bool
    ) -> None:
        seen: list[str | None] = []

        def app(environ: Environ, start_response: Any) -> list[bytes]:
            seen.append(environ[IDENTITY_KEY].principal.id)
            start_response(status, headers)
            return []

        signing = wsgi_side.SigningMiddleware(
            app, signers=stigg(header=header), principal=lambda environ: environ["REMOTE_USER"]
        )
        environ: Environ = {"REQUEST_METHOD": method}
        for user in ("user-1", "user-2"):
            environ["REMOTE_USER"] = user
            signing(environ, lambda *arguments: write)
        assert seen == ["user-1", "user-2"]

    @pytest.mark.usefixtures("no_collector")
    @CARRIES_NOTHING
    def test_the_identity_is_freed_after_the_request(
        self, status: str, headers: Any, method: str, header: bool
    ) -> None:
        app = wsgi_side.SigningMiddleware(
            wsgi_answer(headers, status),
            signers=stigg(header=header),
            principal=lambda environ: "user-1",
        )
        before = handles()
        for _ in range(3):
            call(app, REQUEST_METHOD=method)
        assert handles() == before

    @CARRIES_NOTHING
    def test_late_reads_in_the_body_get_one_principal(
        self, status: str, headers: Any, method: str, header: bool
    ) -> None:
        asked: list[str] = []

        def resolve(environ: Environ) -> str:
            asked.append(environ["session"]["user"])
            return asked[-1]

        def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response(status, headers)
            for user in ("user-1", "user-2"):
                environ["session"]["user"] = user
                yield environ[IDENTITY_KEY]["stigg"].principal_id.encode()

        signing = wsgi_side.SigningMiddleware(app, signers=stigg(header=header), principal=resolve)
        for _ in range(2):  # the second time, the middleware knows the headers
            session = {"user": "user-1"}
            body = call(signing, REQUEST_METHOD=method, session=session).body
            assert list(body) == [b"user-1", b"user-1"]
        assert asked == ["user-1", "user-1"]


def start(status: int, headers: Any) -> Callable[[Scope, Receive, Send], Any]:
    """Return an application that responds, and then reads the identity as two users."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(headers, status)(scope, receive, send)
        scope["read"] = []
        for user in ("user-1", "user-2"):
            scope["user"] = user
            scope["read"].append(scope["countermark"]["stigg"].principal_id)

    return app


class TestASGI:
    @pytest.mark.parametrize(
        ("status", "headers"),
        [(304, []), (200, [(b"cache-control", b"public")]), (200, [(b"odd",)])],
        ids=["304", "public", "odd header"],
    )
    def test_late_reads_in_the_body_get_one_principal(self, status: int, headers: Any) -> None:
        app = asgi_side.SigningMiddleware(
            start(status, headers), signers=stigg(), principal=lambda scope: scope["user"]
        )
        scope = http_scope(user="user-1")
        request(app, scope)
        assert scope["read"] == ["user-1", "user-1"]

    @pytest.mark.parametrize("header", [True, False])
    def test_a_shared_state_does_not_show_an_earlier_identity(self, header: bool) -> None:
        """ASGI requires a copy of the state for each request; some test clients make none."""
        shared: dict[str, Any] = {}
        signing = asgi_side.SigningMiddleware(
            answer([]), signers=stigg(header=header), principal=lambda scope: "user-1"
        )
        seen: list[Any] = []

        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["state"].get("countermark"))
            await signing(scope, receive, send)

        for _ in range(2):
            request(outer, http_scope(state=shared))
        assert seen == [None, None]

    def test_after_an_error_the_state_shows_an_anonymous_identity(self) -> None:
        """An outer middleware's error page finds the identity, but no token."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            assert scope["state"]["countermark"]["stigg"]
            raise ZeroDivisionError

        scope = http_scope()
        with pytest.raises(ZeroDivisionError):
            request(
                asgi_side.SigningMiddleware(app, signers=stigg(), principal=lambda scope: "user-1"),
                scope,
            )
        assert scope["state"]["countermark"].payload() == {}


@pytest.mark.parametrize("late", [False, True])
def test_a_page_with_a_token_and_no_token_header_is_reported_or_closed(
    late: bool, events: Events
) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        if not late:
            environ[IDENTITY_KEY].payload()
        start_response("200 OK", PLAIN)
        yield environ[IDENTITY_KEY]["stigg"].token.encode()

    signing = wsgi_side.SigningMiddleware(
        app, signers=stigg(header=False), principal=lambda environ: "user-1", on_event=events
    )
    found = call(signing)
    assert b"".join(found.body).startswith(b"HMAC-SHA256 user-1:")
    if late:
        assert found.headers == PLAIN
        assert [event.reason for event in events.named("exposed")] == ["not_closed"]
    else:
        assert found.header("cache-control") == "private, no-store"
        assert found.header("vary") == "Cookie, Authorization"
        assert events.named("exposed") == []


def test_a_second_start_of_a_response_without_a_token_is_allowed() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        for status in ("200 OK", "500 Oops"):
            start_response(status, PUBLIC)
        return [environ[IDENTITY_KEY]["stigg"].principal_id.encode()]

    signing = wsgi_side.SigningMiddleware(app, signers=stigg(), principal=lambda environ: "user-1")
    assert call(signing).body == [b"user-1"]


def test_headers_from_a_generator_settle_the_identity() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", (header for header in PUBLIC))
        yield environ[IDENTITY_KEY]["stigg"].principal_id.encode()

    signing = wsgi_side.SigningMiddleware(app, signers=stigg(), principal=lambda environ: "user-1")
    assert list(call(signing).body) == [b"user-1"]


def failing(environ: Environ, start_response: Any) -> Iterator[bytes]:
    """Fail at the first attempt before the response starts, and respond at the second."""
    environ["attempts"] = environ.get("attempts", 0) + 1
    token = environ[IDENTITY_KEY]["stigg"].token
    if environ["attempts"] == 1:
        raise RuntimeError("try again")
    start_response("200 OK", PLAIN)
    yield token.encode()


def test_a_generator_that_fails_before_its_response_leaves_no_token_for_an_error_page() -> None:
    signing = wsgi_side.SigningMiddleware(
        failing, signers=stigg(), principal=lambda environ: "user-1"
    )
    environ: Environ = {"REQUEST_METHOD": "GET"}
    body = signing(environ, lambda *_: write)
    with pytest.raises(RuntimeError):
        list(body)
    assert environ[IDENTITY_KEY].payload() == {}


def test_a_second_attempt_with_the_environ_is_signed_and_closed() -> None:
    def retrying(environ: Environ, start_response: Any) -> list[bytes]:
        with pytest.raises(RuntimeError):
            list(signing(environ, start_response))
        return list(signing(environ, start_response))

    signing = wsgi_side.SigningMiddleware(
        failing, signers=stigg(), principal=lambda environ: "user-1"
    )
    found = call(retrying)
    assert found.header("stigg-customer-token") == next(iter(found.body)).decode()
    assert found.header("cache-control") == "private, no-store"


@pytest.mark.parametrize("started", [True, False])
def test_a_generator_is_closed_and_keeps_its_errors(started: bool) -> None:
    closed = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        try:
            start_response("200 OK", PLAIN)
            yield b"first"
            raise RuntimeError("later")
        finally:
            closed.append(True)

    signing = wsgi_side.SigningMiddleware(app, signers=stigg(), principal=lambda environ: "user-1")
    environ: Environ = {"REQUEST_METHOD": "GET"}
    body: Any = signing(environ, lambda *_: write)
    if started:
        assert next(body) == b"first"
        assert environ[IDENTITY_KEY]["stigg"].principal_id == "user-1"
        with pytest.raises(RuntimeError):
            next(body)
        assert environ[IDENTITY_KEY]["stigg"].principal_id == "user-1"
    body.close()
    assert closed == ([True] if started else [])


def test_a_body_without_close_is_not_closed() -> None:
    signing = wsgi_side.SigningMiddleware(
        lambda environ, start_response: [b"no response"],
        signers=stigg(),
        principal=lambda environ: "user-1",
    )
    body: Any = signing({"REQUEST_METHOD": "GET"}, lambda *_: write)
    assert list(body) == [b"no response"]
    body.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("accepts", [True, False], ids=["headers on accept", "no headers"])
@pytest.mark.parametrize("early", [True, False], ids=["read before", "read after"])
async def test_a_denial_with_a_token_in_its_body_is_closed_or_reported(
    early: bool, accepts: bool, events: Events
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if early:
            assert scope["countermark"]["stigg"].token
        start = {"type": "websocket.http.response.start", "status": 410, "headers": []}
        await send(start)
        assert scope["countermark"]["stigg"].token
        await send({"type": "websocket.http.response.body", "body": b""})

    signing = asgi_side.SigningMiddleware(
        app,
        signers=stigg(),
        principal=lambda scope: "user-1",
        websocket_headers=accepts,
        on_event=events,
    )
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await signing({"type": "websocket", "headers": []}, receive, send)
    headers = dict(sent[0]["headers"])
    assert headers.get(b"cache-control") == (b"private, no-store" if early else None)
    reasons = [event.reason for event in events.named("exposed")]
    assert reasons == ([] if early else ["not_closed"])
