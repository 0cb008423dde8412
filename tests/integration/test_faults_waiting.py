"""Signing and verifying with a Redis that does not answer any more: no request waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from countermark import Keyring, Signer, Verifier, asgi, wsgi
from countermark.redis import RedisStore
from countermark.rollout import Meter, set_mode
from countermark.verifying import Allowance, ModeSwitch
from tests.drivers import answer, http_scope, request
from tests.integration.redis_server import RedisServer, wait_until
from tests.integration.silent import outcome

SECRET = "a-secret-of-the-tests-with-enough-bytes"
VALID = Signer("stigg", Keyring(SECRET)).sign("user-1")
FORGED = Signer("stigg", Keyring("another-secret-with-more-than-32-bytes")).sign("user-1")
#: A request that waited once would take at least so long, and `outcome` gives up before.
TIMEOUT = 30.0
REQUESTS = 300

MakeOptions = Callable[[str], dict[str, Any]]


@pytest.fixture
def stalled(redis_server: RedisServer) -> Iterator[MakeOptions]:
    """A function that takes a mode, and returns the options of a middleware.

    All that can use Redis uses it. From then on Redis accepts connections and never answers.
    """

    def make(mode: str) -> dict[str, Any]:
        store = RedisStore(redis_server.url, timeout=TIMEOUT, pause=0)
        set_mode(store, "stigg", mode, environment="live", by="the tests")  # type: ignore[arg-type]
        options = {
            "verifier": Verifier("stigg", Keyring(SECRET), environment="live"),
            "mode": ModeSwitch(store, "stigg", environment="live", interval=0.01),
            "meter": Meter(store=store, interval=0.01),
            "allowance": Allowance(100, store=store),
        }
        redis_server.freeze()
        return options

    yield make
    # Lets the background work of the process go on, which waits for answers.
    redis_server.kill()


def page(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


@pytest.mark.parametrize("mode", ["monitor", "enforce"])
def test_a_stalled_redis_delays_no_verified_request_in_wsgi(
    mode: str, stalled: MakeOptions
) -> None:
    app = wsgi.VerifyingMiddleware(page, **stalled(mode))
    statuses: list[str] = []

    def send(token: str | None) -> None:
        environ = {} if token is None else {"HTTP_X_CUSTOMER_KEY": token}
        app({"REQUEST_METHOD": "GET", "PATH_INFO": "/", **environ}, note)

    def note(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status[:3])

    # In enforce the allowance decides about a request without a token, so that one waits.
    tokens = [VALID, FORGED, *([None] if mode == "monitor" else [])]

    def send_all() -> None:
        for token in tokens * REQUESTS:
            send(token)

    outcome(send_all)
    expected = ["200", "401"] if mode == "enforce" else ["200"] * 3
    assert statuses == expected * REQUESTS


@pytest.mark.parametrize("mode", ["monitor", "enforce"])
def test_a_stalled_redis_delays_no_verified_request_in_asgi(
    mode: str, stalled: MakeOptions
) -> None:
    app = asgi.VerifyingMiddleware(answer(), **stalled(mode))

    def send(token: str) -> int:
        scope = http_scope(headers=[(b"x-customer-key", token.encode())])
        status: int = request(app, scope)[0]["status"]
        return status

    statuses = outcome(lambda: [send(token) for _ in range(50) for token in (VALID, FORGED)])
    assert statuses == [200, 401 if mode == "enforce" else 200] * 50


def test_a_stalled_redis_delays_no_signing(stalled: MakeOptions) -> None:
    signed = wsgi.SigningMiddleware(
        page, signers=Signer("stigg", Keyring(SECRET)), principal=lambda environ: "user-1"
    )
    app = wsgi.VerifyingMiddleware(signed, **stalled("monitor"))

    def send() -> str:
        sent: list[Any] = []
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
        list(app(environ, lambda status, headers, *_: sent.extend(headers)))  # type: ignore[arg-type]
        return str(dict(sent)["Stigg-Customer-Token"])

    assert outcome(lambda: {send() for _ in range(REQUESTS)}) == {VALID}


def test_a_stalled_redis_delays_no_background_work_with_another_one(
    stalled: MakeOptions, redis_server: RedisServer, valkey_server: RedisServer
) -> None:
    store = RedisStore(valkey_server.url, timeout=TIMEOUT)
    set_mode(store, "stigg", "monitor", environment="live", by="the tests")
    options = {**stalled("monitor"), "meter": Meter(store=RedisStore(redis_server.url))}
    apps = [
        wsgi.VerifyingMiddleware(page, **{**options, "mode": mode})
        for mode in (options["mode"], ModeSwitch(store, "stigg", environment="live"))
    ]
    statuses = [""]

    def status() -> str:
        for app in apps:
            app({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_X_CUSTOMER_KEY": FORGED}, note)
        return statuses[-1]

    def note(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status[:3])

    assert status() == "200"
    time.sleep(0.2)  # the background work has begun to wait for the stalled one
    set_mode(store, "stigg", "enforce", environment="live", by="the tests")
    wait_until(lambda: status() == "401", "the mode that was set", TIMEOUT / 2)
