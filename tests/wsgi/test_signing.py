"""The WSGI middleware, with all that PEP 3333 allows applications and servers to do."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import Client

from countermark import EventCounter, Keyring, Principal, Signer
from countermark.signing import RequestIdentity
from countermark.wsgi import IDENTITY_KEY, SigningMiddleware
from tests.conftest import Events
from tests.drivers import Environ, call, write, wsgi_answer

USER = "user-1"
TOKEN = "Stigg-Customer-Token"
PLAIN = [("Content-Type", "text/plain")]
VARY = ("vary", "Cookie, Authorization")
CLOSED = ("cache-control", "private, no-store")

Wrap = Callable[..., SigningMiddleware]


@pytest.fixture
def wrap(stigg: Signer, events: Events) -> Wrap:
    """Return the middleware around an application, for one user."""

    def wrap(app: Any, principal: Any = USER, **options: Any) -> SigningMiddleware:
        resolver = principal if callable(principal) else lambda environ: principal
        options.setdefault("signers", stigg)
        options.setdefault("on_event", events)
        return SigningMiddleware(app, principal=resolver, **options)

    return wrap


def test_the_token_is_in_environ_and_header(wrap: Wrap, stigg: Signer) -> None:
    seen = []
    app = wrap(
        wsgi_answer(before=lambda environ: seen.append(environ[IDENTITY_KEY]["stigg"].token))
    )
    answer = call(app)
    assert seen == [stigg.sign(USER)]
    assert answer.starts == [
        (
            "200 OK",
            [*PLAIN, VARY, CLOSED, (TOKEN, stigg.sign(USER))],
        )
    ]


def test_an_anonymous_response_has_no_token_but_varies(wrap: Wrap, events: Events) -> None:
    app = wrap(wsgi_answer(), None)
    for _ in range(2):
        assert call(app).headers == [*PLAIN, VARY]
    assert events == []


def test_the_iterable_is_returned_unchanged(wrap: Wrap) -> None:
    body: list[bytes] = [b"a", b"b"]

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", PLAIN)
        return body

    assert call(wrap(app)).body is body
    assert call(wrap(app, None)).body is body


def test_the_list_of_the_application_is_not_changed(wrap: Wrap) -> None:
    for headers in ([("Vary", "Accept")], [("Cache-Control", "public")], [("X-A", "1")]):
        before = headers.copy()
        call(wrap(wsgi_answer(headers)))
        call(wrap(wsgi_answer(headers)))
        assert headers == before


def test_a_generator_starts_its_response_late(wrap: Wrap, stigg: Signer) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        environ["REMOTE_USER"] = "user-2"
        start_response("200 OK", PLAIN)
        yield b"ok"

    answer = call(wrap(app, lambda environ: environ.get("REMOTE_USER")))
    assert answer.starts == []
    assert b"".join(answer.body) == b"ok"
    assert answer.header(TOKEN) == stigg.sign("user-2")


def test_the_write_of_the_server_is_returned(wrap: Wrap) -> None:
    given = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        given.append(start_response("200 OK", PLAIN))
        return []

    call(wrap(app))
    assert given == [write]


def test_exc_info_is_passed_on_only_if_given(wrap: Wrap, stigg: Signer, events: Events) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", PLAIN)
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oops", PLAIN, sys.exc_info())
        return [b"sorry"]

    answer = call(wrap(app))
    first, second = answer.starts
    assert len(first) == 2
    assert second[2][0] is ValueError
    assert answer.header(TOKEN) == stigg.sign(USER)
    assert len(events.named("signed")) == 1


def test_the_server_raises_an_error_after_the_headers_were_sent(wrap: Wrap) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b"begun"
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Oops", PLAIN, sys.exc_info())

    output, errors = io.BytesIO(), io.StringIO()
    environ: Environ = {}
    setup_testing_defaults(environ)
    handler = SimpleHandler(io.BytesIO(), output, errors, environ)
    handler.run(wrap(app))
    assert output.getvalue().startswith(b"HTTP/1.0 200 OK\r\n")
    assert output.getvalue().endswith(b"begun")
    assert "ValueError: late" in errors.getvalue()


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([("Cache-Control", "public, max-age=60")], "public"),
        ([("ETag", '"1"')], "validator"),
        ([("Surrogate-Control", "max-age=60")], "targeted_field"),
    ],
)
def test_a_response_for_shared_caches_is_left_alone(
    wrap: Wrap, events: Events, headers: list[tuple[str, str]], reason: str
) -> None:
    answer = call(
        wrap(wsgi_answer(headers), lambda environ: pytest.fail("the principal is not needed"))
    )
    assert answer.headers is headers
    assert [(event.name, event.reason) for event in events] == [("withheld", reason)]


@pytest.mark.parametrize("status", ["304 Not Modified", "101 Switching Protocols"])
def test_some_statuses_never_carry_a_token(wrap: Wrap, status: str) -> None:
    assert call(wrap(wsgi_answer(PLAIN, status))).headers is PLAIN


def test_a_preflight_request_is_left_alone(wrap: Wrap) -> None:
    assert call(wrap(wsgi_answer(PLAIN)), REQUEST_METHOD="OPTIONS").headers is PLAIN


def test_existing_lines_are_merged(wrap: Wrap, stigg: Signer) -> None:
    headers = [("Vary", "Accept"), ("Set-Cookie", "a=1"), ("cache-control", "no-cache")]
    assert call(wrap(wsgi_answer(headers))).headers == [
        ("Vary", "Accept, Cookie, Authorization"),
        ("Set-Cookie", "a=1"),
        ("cache-control", "no-cache, private, no-store"),
        (TOKEN, stigg.sign(USER)),
    ]
    assert call(wrap(wsgi_answer(headers), None)).header("vary") == "Accept, Cookie, Authorization"


def test_a_resolver_that_raises_leaves_the_page_as_it_is(wrap: Wrap, events: Events) -> None:
    def resolve(environ: Environ) -> str:
        raise ConnectionError

    for headers in (PLAIN, [("Vary", "Accept")]):
        events.clear()
        app = wrap(wsgi_answer(headers), resolve)
        for _ in range(2):
            assert call(app).headers is headers
        assert [event.reason for event in events] == ["resolver_raised"] * 2


@pytest.mark.parametrize("headers", [None, [None], [("one",)]], ids=str)
def test_invalid_headers_are_passed_to_the_server(wrap: Wrap, events: Events, headers: Any) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", headers)
        return []

    assert call(wrap(app)).starts == [("200 OK", headers)]
    assert [event.reason for event in events] == ["delivery_raised"]


def test_headers_from_a_generator_are_sent(wrap: Wrap, stigg: Signer) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", (pair for pair in [("Set-Cookie", "a=1"), ("X-A", "1")]))
        return []

    middleware = wrap(app)
    for _ in range(2):
        answer = call(middleware)
        assert answer.headers[:2] == [("Set-Cookie", "a=1"), ("X-A", "1")]
        assert answer.header(TOKEN) == stigg.sign(USER)


def test_an_environ_that_is_used_again_is_a_new_request(wrap: Wrap, stigg: Signer) -> None:
    app = wrap(wsgi_answer(PLAIN), lambda environ: environ["REMOTE_USER"])
    environ: Environ = {}
    for user in ("user-1", "user-2"):
        starts: list[Any] = []
        environ["REMOTE_USER"] = user
        app(environ, lambda *arguments, starts=starts: starts.append(arguments) or write)
        assert (TOKEN, stigg.sign(user)) in starts[0][1]


@pytest.mark.parametrize("headers", [PLAIN, [("Vary", "Accept")]], ids=str)
@pytest.mark.parametrize("then", ["forget", "fail"])
def test_a_response_is_closed_if_any_earlier_users_token_was_read(
    wrap: Wrap, headers: list[tuple[str, str]], then: str
) -> None:
    def read(environ: Environ) -> None:
        environ[IDENTITY_KEY].payload()
        if then == "forget":
            environ[IDENTITY_KEY].forget()
        else:
            del environ["REMOTE_USER"]

    app = wrap(wsgi_answer(headers, before=read), lambda environ: environ["REMOTE_USER"])
    for _ in range(2):
        answer = call(app, REMOTE_USER=USER)
        assert answer.header(TOKEN) is None
        assert answer.header("cache-control") == CLOSED[1]


def test_an_inner_middleware_passes_requests_on(wrap: Wrap, stigg: Signer, events: Events) -> None:
    answer = call(
        wrap(wrap(wsgi_answer(), lambda environ: pytest.fail("the inner resolver is called")))
    )
    assert answer.header(TOKEN) == stigg.sign(USER)
    assert len(events.named("signed")) == 1


def test_an_impersonated_response_has_no_token(wrap: Wrap, stigg: Signer) -> None:
    principal = Principal(USER, actor="staff-1")
    assert call(wrap(wsgi_answer(), principal)).header(TOKEN) is None
    answer = call(wrap(wsgi_answer(), principal, sign_impersonated=True))
    assert answer.header(TOKEN) == stigg.sign(USER)


@pytest.mark.parametrize("principal", [USER, None])
@pytest.mark.parametrize("headers", [PLAIN, [("Vary", "Accept")]], ids=str)
def test_the_identity_of_an_anonymous_response_is_freed(
    wrap: Wrap, principal: str | None, headers: list[tuple[str, str]]
) -> None:
    app = wrap(wsgi_answer(headers), principal, on_event=None)
    gc.collect()
    gc.disable()
    try:
        before = {id(item) for item in gc.get_objects() if type(item) is RequestIdentity}
        for _ in range(3):
            call(app)
        alive = [item for item in gc.get_objects() if type(item) is RequestIdentity]
    finally:
        gc.enable()
    assert [item for item in alive if id(item) not in before] == []


def test_an_async_resolver_runs_once(wrap: Wrap, stigg: Signer) -> None:
    calls = []

    async def resolve(environ: Environ) -> str:
        calls.append(environ["PATH_INFO"])
        return USER

    read = wsgi_answer(before=lambda environ: environ[IDENTITY_KEY].payload())
    assert call(wrap(read, resolve)).header(TOKEN) == stigg.sign(USER)
    assert calls == ["/"]


def test_without_a_header_a_token_that_is_not_read_is_not_signed(wrap: Wrap, secret: str) -> None:
    counter = EventCounter()
    quiet = Signer("stigg", Keyring(secret), header=None)
    seen: list[RequestIdentity] = []
    app = wrap(
        wsgi_answer(PLAIN, before=lambda environ: seen.append(environ[IDENTITY_KEY])),
        lambda environ: pytest.fail("the principal is not needed"),
        signers=quiet,
        on_event=counter,
    )
    assert call(app).headers is PLAIN
    assert len(seen) == 1
    assert counter.snapshot() == {}


@pytest.mark.parametrize("lint", [validator, LintMiddleware])
@pytest.mark.parametrize("principal", [USER, None])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (PLAIN, "200 OK"),
        ([*PLAIN, ("Vary", "Accept"), ("Cache-Control", "no-cache")], "200 OK"),
        ([*PLAIN, ("Cache-Control", "public")], "200 OK"),
        ([("ETag", '"1"')], "304 Not Modified"),
        (PLAIN, "404 Not Found"),
    ],
)
def test_the_middleware_conforms_to_wsgi_between_two_validators(
    wrap: Wrap,
    lint: Callable[[Any], Any],
    principal: str | None,
    headers: list[tuple[str, str]],
    status: str,
) -> None:
    empty = status.startswith("304")

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        assert environ[IDENTITY_KEY] is not None
        start_response(status, list(headers))
        return [] if empty else [b"ok"]

    response = Client(lint(wrap(lint(app), principal))).get("/")
    assert response.status == status
    carries = principal is not None and not empty and ("Cache-Control", "public") not in headers
    assert (TOKEN in response.headers) is carries
    response.close()


def test_after_an_exception_the_identity_is_anonymous(stigg: Signer) -> None:
    """An error page from outside the middleware must not show tokens."""
    seen: list[Any] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        identity = environ[IDENTITY_KEY]
        identity.identify("user-2")
        assert identity["stigg"].token
        seen.append(identity)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(SigningMiddleware(app, signers=stigg, principal=lambda environ: "user-1"))
    assert seen[0].payload() == {}


def test_a_page_with_a_validator_becomes_no_store_once_a_token_was_read(stigg: Signer) -> None:
    app = wsgi_answer(
        [("ETag", '"1"'), ("Content-Type", "text/plain")],
        before=lambda environ: environ[IDENTITY_KEY].payload(),
    )
    result = call(SigningMiddleware(app, signers=stigg, principal=lambda environ: "user-1"))
    assert result.header("Stigg-Customer-Token") == stigg.sign("user-1")
    assert result.header("Cache-Control") == CLOSED[1]
    assert result.header("Vary") == VARY[1]


def test_a_foreign_value_in_the_environ_is_ignored(stigg: Signer) -> None:
    app = SigningMiddleware(wsgi_answer(), signers=stigg, principal=lambda environ: "user-1")
    result = call(app, **{IDENTITY_KEY: "theirs"})
    assert result.header("Stigg-Customer-Token") == stigg.sign("user-1")
