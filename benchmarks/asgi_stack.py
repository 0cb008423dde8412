"""A whole ASGI request: an application that answers two bytes, and what is put around it."""

from __future__ import annotations

from contextlib import suppress

from asgi_correlation_id import CorrelationIdMiddleware
from starlette.middleware.sessions import SessionMiddleware

from benchmarks.asgi_peers import HandWritten, answer, answer_with_session, user_id
from benchmarks.hot_path import EMPTY_LOOP, calling, empty, hex_digest
from benchmarks.measure import Bar, Block, Suite, Variant
from benchmarks.subject import ANONYMOUS, HEADER, KEYRING, SECRET_TEXT, SIGNED_IN, TOKEN, User
from countermark import Signer
from countermark.asgi import App, Message, Scope, SigningMiddleware

_BARE = "bare application"
_SIGNED = "countermark, header and state"
_ANONYMOUS = "countermark, anonymous"
_STATE_ONLY = "countermark, state only, not read"
_HAND = "hand-written, hmac.new"
_SESSION = "Starlette SessionMiddleware, written"
_CORRELATION = "asgi-correlation-id"
_DIGEST = "one hmac.digest(...).hex(), no request"


def suite() -> Suite:
    """Return the middleware in its states, and its peers."""
    stigg, silent = Signer("stigg", KEYRING), Signer("stigg", KEYRING, header=None)
    signed = SigningMiddleware(answer, signers=stigg, principal=user_id)
    state_only = SigningMiddleware(answer, signers=silent, principal=user_id)
    hand = HandWritten(answer)
    # What signs nothing is quick, and proves nothing.
    assert token_sent(signed) == token_sent(hand) == TOKEN.encode()
    assert token_sent(signed, ANONYMOUS) is token_sent(state_only) is None
    session = SessionMiddleware(answer_with_session, secret_key=SECRET_TEXT)
    correlation = CorrelationIdMiddleware(answer)
    return Suite(
        "ASGI, without a server or an event loop",
        [
            Variant(_BARE, requests(answer)),
            Variant(_SIGNED, requests(signed), _BARE, ours=True),
            Variant(_ANONYMOUS, requests(signed, ANONYMOUS), _BARE, ours=True),
            Variant(_STATE_ONLY, requests(state_only), _BARE, ours=True),
            Variant(_HAND, requests(hand), _BARE),
            Variant("hand-written, anonymous", requests(hand, ANONYMOUS), _BARE),
            Variant(_CORRELATION, requests(correlation), _BARE),
            Variant(_SESSION, requests(session), _BARE),
            Variant(EMPTY_LOOP, empty),
            Variant(_DIGEST, calling(hex_digest), EMPTY_LOOP),
        ],
        [
            Bar("ASGI, header and state / hand-written", 1.15, _SIGNED, _HAND),
            Bar("the same / SessionMiddleware writing a session", 0.25, _SIGNED, _SESSION),
            Bar("the same / asgi-correlation-id", 0.6, _SIGNED, _CORRELATION),
            Bar("ASGI, anonymous / one `hmac.digest(...).hex()`", 0.9, _ANONYMOUS, _DIGEST),
            Bar(
                "ASGI, state only, not read / one `hmac.digest(...).hex()`",
                0.8,  # each response is looked at, so that a page with a token is closed
                _STATE_ONLY,
                _DIGEST,
            ),
        ],
        count=200,
    )


def fresh_scope(user: User) -> Scope:
    """Return a scope as servers make them, one for each request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"example.test"), (b"accept", b"*/*")],
        "state": {},
        "user": user,
    }


async def receive() -> Message:
    """Receive an empty request."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Message) -> None:
    """Drop *message*."""


def token_sent(app: App, user: User = SIGNED_IN) -> bytes | None:
    """Return the token in the response to one request of *user*."""
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    with suppress(StopIteration):
        app(fresh_scope(user), receive, keep).send(None)  # type: ignore[attr-defined]
    token: bytes | None = dict(sent[0]["headers"]).get(HEADER.lower().encode())
    return token


def requests(app: App, user: User = SIGNED_IN) -> Block:
    """Return the block that runs requests of *user* through *app*.

    No event loop: nothing here ever waits, so each coroutine ends at the first step.
    """

    def block(count: int) -> None:
        for _ in range(count):
            try:
                app(fresh_scope(user), receive, send).send(None)  # type: ignore[attr-defined]
            except StopIteration:
                continue
            raise AssertionError("the application waits")

    return block
