"""The ASGI middleware, driven with messages that servers and frameworks really send."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

from countermark import EventCounter, Keyring, Principal, Signer
from countermark.asgi import App, Message, Receive, Scope, Send, SigningMiddleware
from countermark.signing import RequestIdentity
from tests.conftest import Events
from tests.drivers import answer, asend, header, http_scope, request

USER = "user-1"
TOKEN = b"stigg-customer-token"
PLAIN = [(b"content-type", b"text/plain")]
VARY = (b"vary", b"Cookie, Authorization")
CLOSED = (b"cache-control", b"private, no-store")

Wrap = Callable[..., SigningMiddleware]


@pytest.fixture
def wrap(stigg: Signer, events: Events) -> Wrap:
    """Return the middleware around an application, for one user."""

    def wrap(app: App, principal: Any = USER, **options: Any) -> SigningMiddleware:
        resolver = principal if callable(principal) else lambda scope: principal
        options.setdefault("signers", stigg)
        options.setdefault("on_event", events)
        return SigningMiddleware(app, principal=resolver, **options)

    return wrap


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Run a coroutine function in each of the event loops."""
    if request.param == "trio":
        return trio.run
    return lambda function, *arguments: asyncio.run(function(*arguments))


def token(signer: Signer, principal: Any = USER) -> bytes:
    return signer.sign(principal).encode()


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


def test_for_nobody_there_is_no_token_but_the_response_varies(wrap: Wrap, events: Events) -> None:
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
def test_headers_of_all_forms_are_taken_and_kept(wrap: Wrap, stigg: Signer, headers: Any) -> None:
    start, _ = request(wrap(answer(headers)))
    kept = start["headers"][:-3]
    assert kept == list(headers or ())
    assert header(start, TOKEN) == token(stigg)


@pytest.mark.parametrize("principal", [USER, None])
@pytest.mark.parametrize("cache_control", [b"public", b"no-cache"])
def test_headers_from_a_generator_arrive(
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
        pytest.fail("nobody needs to know")

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


def test_so_is_one_that_is_read_later(wrap: Wrap, events: Events) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer([(b"cache-control", b"public")])(scope, receive, send)
        for _ in range(2):
            scope["state"]["countermark"].payload()

    request(wrap(app))
    assert [event.name for event in events] == ["withheld", "signed", "exposed"]


@pytest.mark.parametrize("headers", [PLAIN, [(b"vary", b"Accept")]], ids=str)
@pytest.mark.parametrize("then", ["forget", "fail"])
def test_a_token_that_was_read_closes_the_response_whoever_it_is_by_then(
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
def test_all_others_do(wrap: Wrap, stigg: Signer, status: int, method: str) -> None:
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


def test_bytes_that_are_no_text_survive_merging(wrap: Wrap) -> None:
    start, _ = request(wrap(answer([(b"vary", b"\xff"), (b"\xfe", b"\xfd")])))
    assert start["headers"][:2] == [(b"vary", b"\xff, Cookie, Authorization"), (b"\xfe", b"\xfd")]


class TestOtherMessages:
    def test_scopes_of_other_types_pass_untouched(self, wrap: Wrap) -> None:
        seen = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((scope, receive, send))

        async def receive() -> Message:
            return {}

        async def send(message: Message) -> None: ...

        for kind in ("lifespan", "something-new"):
            scope = {"type": kind}
            trio.run(wrap(app), scope, receive, send)
            assert seen.pop() == ({"type": kind}, receive, send)

    def test_extension_messages_pass_verbatim(self, wrap: Wrap) -> None:
        extras: list[Message] = [
            {"type": "http.response.early_hint", "links": [b"</a>"]},
            {"type": "http.response.debug", "info": {}},
            {"type": "http.response.pathsend", "path": "/file"},
            {"type": "http.response.trailers", "headers": [(b"a", b"1")]},
        ]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for message in extras:
                await send(message)

        sent = request(wrap(app))
        assert all(one is other for one, other in zip(sent, extras, strict=True))

    def test_a_second_start_is_rewritten_too_and_signs_no_second_time(
        self, wrap: Wrap, stigg: Signer, events: Events
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for status in (200, 500):
                await send({"type": "http.response.start", "status": status, "headers": PLAIN})

        for start in request(wrap(app)):
            assert header(start, TOKEN) == token(stigg)
        assert len(events.named("signed")) == 1

    def test_no_start_at_all(self, wrap: Wrap) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

        assert request(wrap(app)) == []

    @pytest.mark.parametrize(
        "message",
        [
            {"type": "http.response.start"},
            {"type": "http.response.start", "status": "200"},
            {"type": "http.response.start", "status": 200, "headers": [("text", "text")]},
            {"type": "http.response.start", "status": 200, "headers": [(b"one",)]},
            {"type": "http.response.start", "status": 200, "headers": [None]},
            {"type": "http.response.start", "status": 200, "headers": None},
            {"type": "http.response.start", "status": 200, "headers": 5},
        ],
        ids=["no status", "text", "names as text", "no pair", "no tuple", "none", "a number"],
    )
    @pytest.mark.parametrize("asynchronous", [False, True])
    def test_an_odd_message_is_left_to_the_server(
        self, wrap: Wrap, events: Events, message: Message, asynchronous: bool
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(message)

        async def resolve(scope: Scope) -> str:
            return USER

        assert request(wrap(app, resolve if asynchronous else USER)) == [message]
        assert [event.reason for event in events.named("failed")] == ["delivery_raised"]


class TestState:
    def test_a_server_without_state_is_helped(self, wrap: Wrap, stigg: Signer) -> None:
        scope = http_scope()
        del scope["state"]
        start, _ = request(wrap(answer(PLAIN)), scope)
        assert header(start, TOKEN) == token(stigg)
        assert isinstance(scope["countermark"], RequestIdentity)

    def test_what_the_lifespan_left_there_is_not_believed(self, wrap: Wrap, stigg: Signer) -> None:
        lifespan = {"countermark": "of another request", "pool": object()}
        scope = http_scope(state=lifespan)
        start, _ = request(wrap(answer(PLAIN)), scope)
        assert header(start, TOKEN) == token(stigg)
        assert lifespan["countermark"] == "of another request"
        assert scope["state"]["pool"] is lifespan["pool"]

    def test_a_state_of_all_requests_mixes_up_nobody(self, wrap: Wrap, stigg: Signer) -> None:
        """ASGI wants a copy for each request; some test drivers make none."""
        shared: dict[str, Any] = {}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(0.001)
            mine = scope["state"]["countermark"]["stigg"].principal_id
            assert mine == scope["user"]
            await answer(PLAIN)(scope, receive, send)

        middleware = wrap(app, lambda scope: scope["user"])

        async def main() -> None:
            users = [f"user-{number}" for number in range(5)]
            scopes = [http_scope(user=user, state=shared) for user in users]
            await asyncio.gather(*[asend(middleware, scope) for scope in scopes])

        asyncio.run(main())

    def test_a_scope_used_again_is_a_request_of_its_own(self, wrap: Wrap, stigg: Signer) -> None:
        app, scope = wrap(answer(PLAIN), lambda scope: scope["user"]), http_scope()
        for user in ("user-1", "user-2"):
            scope["user"] = user
            start, _ = request(app, scope)
            assert header(start, TOKEN) == token(stigg, user)

    def test_state_may_be_none(self, wrap: Wrap, stigg: Signer) -> None:
        start, _ = request(wrap(answer(PLAIN)), http_scope(state=None))
        assert header(start, TOKEN) == token(stigg)

    def test_applied_twice_the_inner_one_passes(
        self, wrap: Wrap, stigg: Signer, events: Events
    ) -> None:
        inner = wrap(answer(PLAIN), lambda scope: pytest.fail("asked by the inner one"))
        start, _ = request(wrap(inner))
        assert header(start, TOKEN) == token(stigg)
        assert len(events.named("signed")) == 1

    def test_in_a_copied_scope_the_object_is_the_same(self, wrap: Wrap, stigg: Signer) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            copied = dict(scope, user="user-2")
            copied["state"]["countermark"].identify(copied["user"])
            await answer(PLAIN)(copied, receive, send)

        start, _ = request(wrap(app))
        assert header(start, TOKEN) == token(stigg, "user-2")

    def test_what_somebody_else_put_into_the_scope_is_not_ours(
        self, wrap: Wrap, stigg: Signer
    ) -> None:
        start, _ = request(wrap(answer(PLAIN)), http_scope(countermark="theirs"))
        assert header(start, TOKEN) == token(stigg)

    def test_a_page_with_a_validator_becomes_no_store_once_a_token_was_read(
        self, wrap: Wrap, events: Events
    ) -> None:
        app = wrap(
            answer(
                [*PLAIN, (b"etag", b'"1"')], before=lambda s: s["state"]["countermark"].payload()
            )
        )
        start, _ = request(app)
        assert header(start, TOKEN)
        assert header(start, b"cache-control") == CLOSED[1]
        assert header(start, b"vary") == VARY[1]
        assert header(start, b"etag") == b'"1"'
        assert events.named("withheld") == []
        assert events.named("exposed") == []

    def test_after_an_exception_it_is_nobodys(
        self, wrap: Wrap, stigg: Signer, events: Events
    ) -> None:
        """An error page from outside the middleware must not show tokens."""
        seen: list[RequestIdentity] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            identity = scope["state"]["countermark"]
            identity.identify("user-2")
            assert identity["stigg"].token
            seen.append(identity)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            request(wrap(app))
        assert seen[0].payload() == {}
        assert seen[0].principal is None

    def test_nothing_outlives_the_request(self, wrap: Wrap, stigg: Signer) -> None:
        app = wrap(answer(PLAIN), on_event=None)
        gc.collect()
        gc.disable()
        try:
            before = {id(item) for item in gc.get_objects() if type(item) is RequestIdentity}
            request(app)
            alive = [item for item in gc.get_objects() if type(item) is RequestIdentity]
        finally:
            gc.enable()
        assert [item for item in alive if id(item) not in before] == []


class TestPrincipal:
    def test_a_login_inside_the_request_counts(self, wrap: Wrap, stigg: Signer) -> None:
        def log_in(scope: Scope) -> None:
            assert not scope["state"]["countermark"]
            scope["user"] = "user-2"

        app = wrap(answer(PLAIN, before=log_in), lambda scope: scope.get("user"))
        start, _ = request(app)
        assert header(start, TOKEN) == token(stigg, "user-2")

    def test_a_logout_inside_the_request_counts(self, wrap: Wrap) -> None:
        def log_out(scope: Scope) -> None:
            assert scope["state"]["countermark"]
            del scope["user"]

        app = wrap(answer(PLAIN, before=log_out), lambda scope: scope.get("user"))
        start, _ = request(app, http_scope(user=USER))
        assert header(start, TOKEN) is None

    def test_what_the_application_says_counts(self, wrap: Wrap, stigg: Signer) -> None:
        def identify(scope: Scope) -> None:
            scope["state"]["countermark"].identify(Principal("user-2"))

        def forget(scope: Scope) -> None:
            scope["state"]["countermark"].forget()

        start, _ = request(wrap(answer(PLAIN, before=identify), None))
        assert header(start, TOKEN) == token(stigg, "user-2")
        start, _ = request(wrap(answer(PLAIN, before=forget)))
        assert header(start, TOKEN) is None

    def test_once_the_response_has_started_it_is_settled(self, wrap: Wrap, stigg: Signer) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answer(PLAIN)(scope, receive, send)
            scope["user"] = "user-2"
            assert scope["state"]["countermark"]["stigg"].principal_id == USER
            await answer(PLAIN)(scope, receive, send)

        for start in request(wrap(app, lambda s: s["user"]), http_scope(user=USER))[::2]:
            assert header(start, TOKEN) == token(stigg)

    def test_impersonated_nothing_is_sent_but_the_response_varies(
        self, wrap: Wrap, events: Events, stigg: Signer
    ) -> None:
        principal = Principal(USER, actor="staff-1")
        start, _ = request(wrap(answer(PLAIN), principal))
        assert start["headers"] == [*PLAIN, VARY]
        assert [event.reason for event in events] == ["suppressed"]
        start, _ = request(wrap(answer(PLAIN), principal, sign_impersonated=True))
        assert header(start, TOKEN) == token(stigg)

    def test_a_resolver_that_raises_leaves_the_page_as_it_is(
        self, wrap: Wrap, events: Events
    ) -> None:
        def resolve(scope: Scope) -> str:
            raise ConnectionError

        for headers in (PLAIN, [(b"vary", b"Accept")]):
            events.clear()
            read = answer(headers, before=lambda scope: scope["state"]["countermark"].payload())
            for app in (wrap(answer(headers), resolve), wrap(read, resolve)):
                for _ in range(2):
                    assert request(app) == request(answer(headers))
            assert [event.reason for event in events] == ["resolver_raised"] * 4

    @pytest.mark.parametrize("principal", ["user\n1", b"user-1", object()])
    def test_so_does_an_unfit_id(self, wrap: Wrap, events: Events, principal: Any) -> None:
        assert request(wrap(answer(PLAIN), principal)) == request(answer(PLAIN))
        assert len(events) == 1

    def test_so_does_a_signer_that_raises(
        self, wrap: Wrap, events: Events, stigg: Signer, flow: Signer
    ) -> None:
        def broken(principal: object) -> str:
            raise ValueError

        stigg.sign = broken  # type: ignore[method-assign]
        for on_event in (None, events):
            app = wrap(answer(PLAIN), signers=[stigg, flow], on_event=on_event)
            start, _ = request(app)
            assert header(start, TOKEN) is None
            assert header(start, b"cognito-flow-signature") == token(flow)
        assert [event.reason for event in events.named("failed")] == ["signer_raised"]

    def test_what_fails_is_logged_once_without_a_hook_too(
        self, wrap: Wrap, stigg: Signer, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(principal: object) -> str:
            raise ValueError

        stigg.sign = broken  # type: ignore[method-assign]
        request(wrap(answer(PLAIN), on_event=None))
        assert [record.message.partition(" (")[0] for record in caplog.records] == [
            "failed: signer_raised"
        ]

    def test_an_error_of_the_application_passes(self, wrap: Wrap) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            request(wrap(app))

    def test_cancellation_inside_a_resolver_passes(self, wrap: Wrap) -> None:
        async def resolve(scope: Scope) -> str:
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            request(wrap(answer(PLAIN), resolve))


class TestAsynchronousResolver:
    def test_is_awaited_once_when_the_response_starts(
        self, wrap: Wrap, stigg: Signer, run: Callable[..., Any]
    ) -> None:
        calls = []

        async def resolve(scope: Scope) -> str:
            calls.append(scope["user"])
            return USER

        def log_in(scope: Scope) -> None:
            assert calls == []
            scope["user"] = USER

        app = wrap(answer(iter(PLAIN), before=log_in), resolve)
        start, _ = run(asend, app, http_scope())
        assert header(start, TOKEN) == token(stigg)
        assert calls == [USER]

    def test_or_when_the_application_loads_it(
        self, wrap: Wrap, stigg: Signer, run: Callable[..., Any]
    ) -> None:
        calls = []

        async def resolve(scope: Scope) -> str:
            calls.append(1)
            return USER

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            identity = await scope["state"]["countermark"].load()
            assert identity["stigg"].token == stigg.sign(USER)
            await answer(PLAIN)(scope, receive, send)

        start, _ = run(asend, wrap(app, resolve), http_scope())
        assert header(start, TOKEN) == token(stigg)
        assert len(calls) == 1

    def test_is_not_awaited_for_a_response_that_is_left_alone(self, wrap: Wrap) -> None:
        async def resolve(scope: Scope) -> str:
            pytest.fail("nobody needs to know")

        request(wrap(answer([(b"etag", b'"1"')]), resolve))
        request(wrap(answer(PLAIN, 304), resolve))
        request(wrap(answer(PLAIN, 103), resolve))
        request(wrap(answer(PLAIN), resolve), http_scope(method="OPTIONS"))

    def test_a_blocking_one_runs_in_a_thread_when_asked(self, wrap: Wrap, stigg: Signer) -> None:
        threads = []

        def resolve(scope: Scope) -> str:
            threads.append(threading.current_thread())
            return USER

        app = wrap(answer(PLAIN), resolve, blocking=True)
        start, _ = asyncio.run(asend(app, http_scope()))
        assert header(start, TOKEN) == token(stigg)
        assert threads != [threading.main_thread()]
        assert len(threads) == 1

    def test_blocking_ones_do_not_wait_for_one_another(self, wrap: Wrap) -> None:
        both = threading.Barrier(2)

        def resolve(scope: Scope) -> str:
            both.wait(timeout=10)
            return USER

        app = wrap(answer(PLAIN), resolve, blocking=True)

        async def main() -> list[list[Message]]:
            return await asyncio.gather(*[asend(app, http_scope()) for _ in range(2)])

        assert all(header(start, TOKEN) for start, _ in asyncio.run(main()))


class TestWebSocket:
    @staticmethod
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["read"] = scope["state"]["countermark"].payload()
        await send({"type": "websocket.accept", "headers": [(b"x-a", b"1")]})
        await send({"type": "websocket.close"})

    def test_gets_state_and_no_header(self, wrap: Wrap, stigg: Signer) -> None:
        scope = http_scope(type="websocket")
        accept, close = request(wrap(self.app), scope)
        assert scope["read"]["stigg"]["customerToken"] == stigg.sign(USER)
        assert accept == {"type": "websocket.accept", "headers": [(b"x-a", b"1")]}
        assert close == {"type": "websocket.close"}

    @pytest.mark.parametrize("asynchronous", [False, True])
    def test_gets_a_header_when_asked(self, wrap: Wrap, stigg: Signer, asynchronous: bool) -> None:
        async def resolve(scope: Scope) -> str:
            return USER

        app = wrap(self.app, resolve if asynchronous else USER, websocket_headers=True)
        accept, _ = request(app, http_scope(type="websocket"))
        assert accept["headers"] == [(b"x-a", b"1"), (TOKEN, token(stigg))]
        accept, _ = request(
            wrap(self.app, None, websocket_headers=True), http_scope(type="websocket")
        )
        assert accept["headers"] == [(b"x-a", b"1")]

    def test_a_header_of_the_applications_own_is_replaced(self, wrap: Wrap, stigg: Signer) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept", "headers": [(TOKEN.title(), b"old")]})

        (accept,) = request(wrap(app, websocket_headers=True), http_scope(type="websocket"))
        assert accept["headers"] == [(TOKEN, token(stigg))]

    @pytest.mark.parametrize("headers", [None, 5, [None]])
    def test_an_odd_message_is_left_to_the_server(self, wrap: Wrap, headers: Any) -> None:
        message = {"type": "websocket.accept", "headers": headers}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(message)

        assert request(wrap(app, websocket_headers=True), http_scope(type="websocket")) == [message]

    def test_a_denial_response_is_left_alone(self, wrap: Wrap) -> None:
        message = {"type": "websocket.http.response.start", "status": 403, "headers": PLAIN}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(message)

        assert request(wrap(app, websocket_headers=True), http_scope(type="websocket")) == [message]


class TestSignatureCount:
    def test_one_per_request_principal_and_scheme(
        self, wrap: Wrap, stigg: Signer, flow: Signer
    ) -> None:
        counter = EventCounter()

        def read(scope: Scope) -> None:
            for _ in range(3):
                scope["state"]["countermark"].payload()

        app = wrap(answer(PLAIN, before=read), signers=[stigg, flow], on_event=counter)
        for number in range(1, 11):
            request(app)
            assert counter.total("signed", scheme="stigg") == number
            assert counter.total("signed", scheme="cognito-flow") == number

    def test_without_a_hook_too(self, wrap: Wrap, stigg: Signer) -> None:
        signed, sign = [], stigg.sign

        def counting(principal: Any) -> str:
            signed.append(principal)
            return sign(principal)

        stigg.sign = counting  # type: ignore[method-assign]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for _ in range(2):
                await answer(PLAIN)(scope, receive, send)
            assert scope["state"]["countermark"]["stigg"].token

        middleware = wrap(app, on_event=None)
        for number in range(1, 4):
            request(middleware)
            assert signed == [USER] * number

    def test_none_for_nobody(self, wrap: Wrap) -> None:
        counter = EventCounter()
        app = wrap(
            answer(PLAIN, before=lambda scope: scope["state"]["countermark"].payload()),
            None,
            on_event=counter,
        )
        request(app)
        assert counter.snapshot() == {}

    def test_none_that_nobody_reads(self, wrap: Wrap, secret: str) -> None:
        counter = EventCounter()
        quiet = Signer("stigg", Keyring(secret), header=None)
        resolve = {"calls": 0}

        def principal(scope: Scope) -> str:
            resolve["calls"] += 1
            return USER

        app = wrap(answer(PLAIN), principal, signers=quiet, on_event=counter)
        assert request(app) == request(answer(PLAIN))
        assert counter.snapshot() == {}
        assert resolve["calls"] == 0

    def test_only_the_scheme_that_is_read(self, wrap: Wrap, secret: str) -> None:
        counter = EventCounter()
        signers = [Signer(s, Keyring(secret), header=None) for s in ("stigg", "cognito-flow")]
        read = answer(PLAIN, before=lambda scope: scope["state"]["countermark"]["stigg"])
        request(wrap(read, signers=signers, on_event=counter))
        assert counter.snapshot() == {("signed", "current", "stigg"): 1}
