"""A whole WSGI request: an application that answers two bytes, and what is put around it."""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from benchmarks.hot_path import EMPTY_LOOP, calling, empty, hex_digest
from benchmarks.measure import Bar, Block, Suite, Variant
from benchmarks.subject import HEADER, KEYRING, SECRET, TOKEN, USER_ID
from countermark import Signer
from countermark.wsgi import SigningMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_BARE = "bare application"
_SIGNED = "countermark, header and environ"
_HAND = "hand-written, hmac.new"
_EMPTY = io.BytesIO()


def suite() -> Suite:
    """Return the middleware in its states, and the hand-written peer."""
    stigg, silent = Signer("stigg", KEYRING), Signer("stigg", KEYRING, header=None)
    signed = SigningMiddleware(answer, signers=stigg, principal=user_id)
    state_only = SigningMiddleware(answer, signers=silent, principal=user_id)
    hand = HandWritten(answer)
    # What signs nothing is quick, and proves nothing.
    assert token_sent(signed) == token_sent(hand) == TOKEN
    assert token_sent(signed, "") is token_sent(state_only) is None
    return Suite(
        "WSGI, without a server",
        [
            Variant(_BARE, requests(answer)),
            Variant(_SIGNED, requests(signed), _BARE, ours=True),
            Variant("countermark, anonymous", requests(signed, ""), _BARE, ours=True),
            Variant("countermark, environ only, not read", requests(state_only), _BARE, ours=True),
            Variant(_HAND, requests(hand), _BARE),
            Variant("hand-written, anonymous", requests(hand, ""), _BARE),
            Variant(EMPTY_LOOP, empty),
            Variant("one hmac.digest(...).hex(), no request", calling(hex_digest), EMPTY_LOOP),
        ],
        [Bar("WSGI, header and environ / hand-written", 1.15, _SIGNED, _HAND)],
        count=200,
    )


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer two bytes."""
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "2")]
    start_response("200 OK", headers)
    return [b"ok"]


def user_id(environ: WSGIEnvironment) -> str | None:
    """Tell whose request it is: the check that the peer makes too."""
    return environ.get("REMOTE_USER") or None


class HandWritten:
    """The usual snippet, without a rule for caches, in-request logins or odd ids."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        user = environ.get("REMOTE_USER")
        if not user:
            return self.app(environ, start_response)
        mac = hmac.new(SECRET, user.encode(), hashlib.sha256).hexdigest()
        token = environ["customer_token"] = f"HMAC-SHA256 {user}:{mac}"

        def start_signed(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            headers.append((HEADER, token))
            return start_response(status, headers, exc_info)

        return self.app(environ, start_signed)


def fresh_environ(user: str) -> WSGIEnvironment:
    """Return an environ as servers make them, one for each request."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": user,
        "HTTP_HOST": "example.test",
        "HTTP_ACCEPT": "*/*",
        "wsgi.version": (1, 0),
        "wsgi.input": _EMPTY,
        "wsgi.url_scheme": "http",
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _write(data: bytes) -> None:
    """Drop *data*."""


def start_response(
    status: str, headers: list[tuple[str, str]], exc_info: Any = None
) -> Callable[[bytes], object]:
    """Start nothing."""
    return _write


def token_sent(app: WSGIApplication, user: str = USER_ID) -> str | None:
    """Return the token in the response to one request of *user*."""
    sent: dict[str, str] = {}

    def keep(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        sent.update(headers)
        return _write

    app(fresh_environ(user), keep)
    return sent.get(HEADER)


def requests(app: WSGIApplication, user: str = USER_ID) -> Block:
    """Return the block that runs requests of *user* through *app*."""

    def block(count: int) -> None:
        for _ in range(count):
            app(fresh_environ(user), start_response)

    return block
