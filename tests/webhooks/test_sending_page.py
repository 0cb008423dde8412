"""The page on sending: its code delivers to a receiver, again and again if it must."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest

from countermark import Keyring
from countermark.testing import FrozenClock
from countermark.webhooks import WebhookVerifier
from countermark.webhooks._gate import WEBHOOK_KEY
from countermark.wsgi import WebhookMiddleware
from tests.webhooks.samples import WHSEC

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sending-webhooks.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def run(block: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(block, PAGE.name, "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the names of the first block, which reads its secret from the environment."""
    monkeypatch.setenv("WEBHOOKS_SECRET", WHSEC)
    return run(BLOCKS[0])


class Service:
    """A receiver that answers with the given statuses, and remembers the ids that it handles."""

    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.seen: list[str] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.seen.append(environ[WEBHOOK_KEY].delivery_id)
        status = self.statuses.pop(0) if self.statuses else "204 No Content"
        headers = [("Content-Length", "0"), ("Location", "/elsewhere"), ("Retry-After", "77")]
        start_response(status, headers)
        return [b""]


class Quiet(WSGIRequestHandler):
    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[tuple[Service, str]]:
    """Yield a receiver behind the middleware, and its URL."""
    handler = Service()
    app = WebhookMiddleware(handler, verifier=WebhookVerifier("standard-webhooks", Keyring(WHSEC)))
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield handler, f"http://127.0.0.1:{server.server_port}/hooks"
        finally:
            server.shutdown()
            thread.join()


def test_a_delivery_is_attempted_until_the_receiver_has_it_and_is_handled_once(
    page: dict[str, Any], service: tuple[Service, str]
) -> None:
    handler, url = service
    handler.statuses = ["500 Error", "302 Found"]
    body = page["body_of"]({"type": "invoice.paid", "customer": "Zoë"})
    with httpx.Client() as client:
        answers = [page["attempt"](client, url, "evt-1", body) for _ in range(4)]
    assert answers == [(False, 77), (False, 77), (True, 77), (True, 0)]
    assert handler.seen == ["evt-1"] * 3  # the middleware answers the fourth


def test_a_receiver_that_is_not_there_is_a_failure(page: dict[str, Any]) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with httpx.Client(transport=httpx.MockTransport(refuse)) as client:
        assert page["attempt"](client, "https://a.example/", "evt-1", b"{}") == (False, 0)


@pytest.mark.parametrize(
    ("value", "wait"),
    [("99999", 99_999), ("9" * 5_000, 0), ("-1", 0), ("Fri, 01 Jan 2027 00:00:00 GMT", 0)],
)
def test_a_wait_of_a_receiver_is_limited(page: dict[str, Any], value: str, wait: int) -> None:
    def busy(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={"retry-after": value})

    with httpx.Client(transport=httpx.MockTransport(busy)) as client:
        assert page["attempt"](client, "https://a.example/", "evt-1", b"{}") == (False, wait)


def test_the_waits_grow_and_end(page: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FrozenClock()
    monkeypatch.setattr("time.time", clock)
    waits = [page["next_attempt"](failed, 0) - clock() for failed in range(1, 9)]
    assert waits == sorted(waits)
    assert sum(waits) < 3 * 86_400
    assert page["next_attempt"](1, 600) == clock() + 600
    assert page["next_attempt"](9, 0) is None


def test_a_receiver_with_either_secret_accepts_deliveries_at_each_step() -> None:
    names = run(BLOCKS[1])
    for signer in (names["before"], names["after"]):
        headers = signer.sign(b"{}")
        for secret in (names["first"], names["second"]):
            verifier = WebhookVerifier("standard-webhooks", Keyring(secret))
            assert verifier.verify(headers=headers, body=b"{}").role == "current"


def test_the_page_has_two_blocks_and_a_hundred_lines_at_most() -> None:
    assert len(BLOCKS) == 2
    assert PAGE.read_text("utf-8").count("\n") <= 100
