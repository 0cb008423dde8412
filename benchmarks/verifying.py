"""The receiving side: one token verified, and whole requests that bring one."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import repeat
from typing import TYPE_CHECKING, Any

import jwt

from benchmarks.asgi_peers import answer as answer_asgi
from benchmarks.asgi_stack import fresh_scope, receive, send
from benchmarks.hot_path import EMPTY_LOOP, empty
from benchmarks.measure import Bar, Block, Suite, Variant
from benchmarks.subject import ANONYMOUS, KEYRING, SECRET, TOKEN, USER_ID
from benchmarks.wsgi_stack import answer as answer_wsgi
from benchmarks.wsgi_stack import fresh_environ, start_response
from countermark import Signer, Verifier, asgi, wsgi
from countermark.asgi import App, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_STIGG = 'Verifier("stigg").verify(token)'
_HAND = "hmac.digest and compare_digest, by hand"
_JWT = 'Verifier("stream-chat").verify(token)'
_PYJWT = "jwt.decode, one claim"
_BARE = "bare application"
_VERIFIED = "countermark, enforce, verified"
_SNIPPET = "hand-written, hmac.new and compare_digest"

# A record of each refusal is made, and goes nowhere.
logging.getLogger("countermark").addHandler(logging.NullHandler())
logging.getLogger("countermark").propagate = False

_JWT_TOKEN = Signer("stream-chat", KEYRING).sign(USER_ID)


def hot_suite() -> Suite:
    """Return the verifier and what people write by hand."""
    verifier, of_jwt = Verifier("stigg", KEYRING), Verifier("stream-chat", KEYRING)
    assert verifier.verify(TOKEN).principal_id == by_hand(TOKEN) == USER_ID
    assert of_jwt.verify(_JWT_TOKEN).principal_id == by_pyjwt(_JWT_TOKEN)["user_id"]
    return Suite(
        "Verifying a good token",
        [
            Variant(EMPTY_LOOP, empty),
            Variant(_STIGG, _taking(verifier.verify, TOKEN), EMPTY_LOOP, ours=True),
            Variant(_HAND, _taking(by_hand, TOKEN), EMPTY_LOOP),
            Variant(_JWT, _taking(of_jwt.verify, _JWT_TOKEN), EMPTY_LOOP, ours=True),
            Variant(_PYJWT, _taking(by_pyjwt, _JWT_TOKEN), EMPTY_LOOP),
        ],
        [
            Bar(f"`{_STIGG}` / {_HAND}", 1.0, _STIGG, _HAND),
            Bar(f"`{_JWT}` / {_PYJWT}", 1.15, _JWT, _PYJWT),
        ],
        count=200,
    )


def asgi_suite() -> Suite:
    """Return the whole ASGI middleware and a hand-written one."""
    verifier = Verifier("stigg", KEYRING)
    monitor = asgi.VerifyingMiddleware(answer_asgi, verifier=verifier, mode="monitor")
    enforce = asgi.VerifyingMiddleware(answer_asgi, verifier=verifier, mode="enforce")
    hand = HandWritten(answer_asgi)
    good, wrong = [(b"x-customer-key", TOKEN.encode())], [(b"x-customer-key", b"HMAC-SHA256 a:b")]
    # What lets everybody in is quick, and proves nothing.
    for app in (enforce, hand):
        assert (_status(app, good), _status(app, wrong), _status(app, [])) == (200, 401, 401)
    return Suite(
        "Verifying under ASGI, without a server or an event loop",
        [
            Variant(_BARE, _scopes(answer_asgi, good)),
            Variant(_VERIFIED, _scopes(enforce, good), _BARE, ours=True),
            Variant("countermark, monitor, verified", _scopes(monitor, good), _BARE, ours=True),
            Variant("countermark, monitor, no token", _scopes(monitor, []), _BARE, ours=True),
            Variant("countermark, enforce, refused", _scopes(enforce, wrong), _BARE, ours=True),
            Variant(_SNIPPET, _scopes(hand, good), _BARE),
        ],
        [Bar("ASGI, verified / hand-written", 1.6, _VERIFIED, _SNIPPET)],
        count=100,
    )


def wsgi_suite() -> Suite:
    """Return the whole WSGI middleware and a hand-written one."""
    verifier = Verifier("stigg", KEYRING)
    enforce = wsgi.VerifyingMiddleware(answer_wsgi, verifier=verifier, mode="enforce")
    hand = HandWrittenWSGI(answer_wsgi)
    for app in (enforce, hand):
        assert list(app(fresh_environ("") | {"HTTP_X_CUSTOMER_KEY": TOKEN}, start_response)) == [
            b"ok"
        ]
        assert list(app(fresh_environ(""), start_response)) != [b"ok"]
    return Suite(
        "Verifying under WSGI, without a server",
        [
            Variant(_BARE, _environs(answer_wsgi)),
            Variant(_VERIFIED, _environs(enforce), _BARE, ours=True),
            Variant(_SNIPPET, _environs(hand), _BARE),
        ],
        [Bar("WSGI, verified / hand-written", 1.6, _VERIFIED, _SNIPPET)],
        count=100,
    )


def by_hand(token: str) -> str | None:
    """Verify in the way of Stigg: sign once more, and compare."""
    id = token[12:-65]
    made = f"HMAC-SHA256 {id}:{hmac.digest(SECRET, id.encode(), 'sha256').hex()}"
    return id if hmac.compare_digest(made, token) else None


def by_pyjwt(token: str) -> Any:
    """Verify in the way of Stream."""
    return jwt.decode(token, SECRET, ["HS256"])


def _snippet(token: str) -> str | None:
    """What people paste: without a rule for odd ids, doubled headers or rotation."""
    id, _, mac = token.removeprefix("HMAC-SHA256 ").rpartition(":")
    made = hmac.new(SECRET, id.encode(), hashlib.sha256).hexdigest()
    return id if hmac.compare_digest(made, mac) else None


class HandWritten:
    """The usual snippet as ASGI middleware."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = dict(scope["headers"]).get(b"x-customer-key", b"").decode("latin-1")
        customer = _snippet(token)
        if customer is None:
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"Unauthorized"})
            return
        scope.setdefault("state", {})["customer"] = customer
        await self.app(scope, receive, send)


class HandWrittenWSGI:
    """The usual snippet as WSGI middleware."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        customer = _snippet(environ.get("HTTP_X_CUSTOMER_KEY", ""))
        if customer is None:
            start_response("401 Unauthorized", [])
            return [b"Unauthorized"]
        environ["customer"] = customer
        return self.app(environ, start_response)


def _taking(function: Callable[[str], object], token: str) -> Block:
    def block(count: int) -> None:
        for _ in repeat(None, count):
            function(token)

    return block


def _scope(headers: list[tuple[bytes, bytes]]) -> Scope:
    scope = fresh_scope(ANONYMOUS)
    scope["headers"] = scope["headers"] + headers
    return scope


def _status(app: App, headers: list[tuple[bytes, bytes]]) -> int:
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    with suppress(StopIteration):
        app(_scope(headers), receive, keep).send(None)  # type: ignore[attr-defined]
    status: int = sent[0]["status"]
    return status


def _scopes(app: App, headers: list[tuple[bytes, bytes]]) -> Block:
    def block(count: int) -> None:
        for _ in range(count):
            try:
                app(_scope(headers), receive, send).send(None)  # type: ignore[attr-defined]
            except StopIteration:
                continue
            raise AssertionError("the application waits")

    return block


def _environs(app: WSGIApplication) -> Block:
    def block(count: int) -> None:
        for _ in range(count):
            environ = fresh_environ("")
            environ["HTTP_X_CUSTOMER_KEY"] = TOKEN
            app(environ, start_response)

    return block
