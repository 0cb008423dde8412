"""Webhooks under ASGI, message by message."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
import trio

from countermark import ConfigurationError, Keyring, StoreUnavailable
from countermark.asgi import App, Message, Receive, Scope, Send, WebhookMiddleware
from countermark.webhooks._deduplication import MAX_REMEMBERED, DeliveriesInMemory
from tests.conftest import Events
from tests.drivers import answer, http_scope
from tests.unit.webhook_samples import (
    BODY,
    NOW,
    SECRET,
    Delivery,
    cognito,
    github,
    sent,
    stigg,
    verifier,
)

GOOD = verifier("stigg")


def scope_of(delivery: Delivery, **changes: Any) -> dict[str, Any]:
    path, _, query = delivery.path.partition("?")
    given: dict[str, Any] = {
        "method": delivery.method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), text.encode()) for name, text in delivery.headers.items()
        ],
    }
    return http_scope(**given | changes)


class Exchange:
    """One delivery: what the application gets, and what the sender."""

    def __init__(self, delivery: Delivery, *messages: Message, **changes: Any) -> None:
        self.scope = scope_of(delivery, **changes)
        self.to_come = list(messages) or [
            {"type": "http.request", "body": delivery.body, "more_body": False}
        ]
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        return self.to_come.pop(0) if self.to_come else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def run(self, app: App) -> Exchange:
        await app(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}


def exchange(app: App, delivery: Delivery, *messages: Message, **changes: Any) -> Exchange:
    return trio.run(Exchange(delivery, *messages, **changes).run, app)


class Handler:
    """An application that notes what it receives, and answers with the next of *statuses*."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.scopes: list[Scope] = []
        self.received: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.received.append(await receive())
        status = self.statuses.pop(0) if self.statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        await send({"type": "http.response.body", "body": b"k"})


# Verified


def test_the_application_gets_the_delivery_as_it_came(events: Events) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, on_event=events)
    assert exchange(app, stigg()).status == 200
    (scope,) = handler.scopes
    verified = scope["state"]["verified_webhook"]
    assert (verified.scheme, verified.delivery_id, verified.role) == ("stigg", "evt-1", "current")
    assert handler.received == [{"type": "http.request", "body": BODY, "more_body": False}]
    assert [(event.name, event.reason, event.scheme) for event in events] == [
        ("verified", "current", "webhook:stigg")
    ]


def test_the_body_may_come_in_parts_and_then_the_connection_ends() -> None:
    received: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        received.extend([await receive(), await receive()])
        await answer()(scope, receive, send)

    parts: list[Message] = [{"type": "http.request", "body": BODY[:5], "more_body": True},
             {"type": "http.request", "more_body": True},
             {"type": "http.request", "body": BODY[5:]}]  # fmt: skip
    exchange(WebhookMiddleware(app, verifier=GOOD), stigg(), *parts)
    assert received == [
        {"type": "http.request", "body": BODY, "more_body": False},
        {"type": "http.disconnect"},
    ]


def test_a_request_gets_a_state_of_its_own() -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, duplicates="deliver")
    shared: dict[str, Any] = {"a": 1}
    for _ in range(2):
        exchange(app, stigg(), state=shared)
    for scope in handler.scopes:
        assert scope["state"]["a"] == 1
    assert handler.scopes[0]["state"] is not handler.scopes[1]["state"]
    assert shared == {"a": 1}
    scope = scope_of(stigg())
    del scope["state"]
    one = Exchange(stigg())
    one.scope = scope
    trio.run(one.run, app)
    assert "verified_webhook" in handler.scopes[-1]["state"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"raw_path": None},  # some servers have none
        {"root_path": "/hooks"},
    ],
)
def test_the_path_that_is_signed_is_the_one_that_was_sent(changes: dict[str, Any]) -> None:
    app = WebhookMiddleware(answer(), verifier=verifier("cognito"))
    assert exchange(app, cognito(), **changes).status == 200
    assert exchange(app, cognito()._replace(path="/hooks?x=2"), **changes).status == 401
    assert exchange(app, cognito()._replace(path="/hooks"), **changes).status == 401


# Refused


def test_what_is_no_good_is_refused_and_told_why(events: Events) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, on_event=events)
    refused = exchange(app, stigg(secret="wrong"))
    assert (refused.status, handler.scopes) == (401, [])
    problem = json.loads(refused.sent[1]["body"])
    (event,) = events
    assert (event.name, event.reason) == ("refused", "mismatch")
    assert problem == {
        "type": "urn:countermark:problem:webhook_mismatch",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The signature does not match.",
        "instance": f"urn:uuid:{event.correlation}",
    }
    headers = refused.headers
    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == "no-store"
    assert headers["www-authenticate"] == 'Countermark realm="webhook:stigg", error="mismatch"'
    assert (
        exchange(app, stigg()._replace(headers={}))
        .headers["www-authenticate"]
        .endswith('error="missing"')
    )
    head = exchange(app, stigg(secret="wrong")._replace(method="HEAD"))
    assert (head.status, head.sent[1]["body"]) == (401, b"")


def test_a_header_that_came_twice_or_with_underscores_is_refused(events: Events) -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD, on_event=events)
    twice = Exchange(stigg())
    twice.scope["headers"] += [(b"stigg_webhooks_secret", SECRET.encode())]
    assert trio.run(twice.run, app).status == 401
    assert events[-1].reason == "ambiguous"


def never() -> Receive:
    async def receive() -> Message:
        raise AssertionError("the body was read")

    return receive


@pytest.mark.parametrize("scheme", ["github", "cognito", "standard-webhooks"])
def test_another_body_than_was_signed_is_refused(scheme: str, events: Events) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=verifier(scheme), on_event=events)
    assert exchange(app, sent(scheme)._replace(body=b"{}")).status == 401
    assert handler.scopes == []
    assert [(event.name, event.reason) for event in events] == [
        ("refused", "digest_mismatch" if scheme == "cognito" else "mismatch")
    ]


@pytest.mark.parametrize("headers", [{}, stigg(secret="wrong").headers])
def test_who_has_no_secret_is_refused_before_the_body(headers: dict[str, str]) -> None:
    one = Exchange(Delivery(headers))
    trio.run(WebhookMiddleware(Handler(), verifier=GOOD), one.scope, never(), one.send)
    assert one.status == 401


@pytest.mark.parametrize("length", [b"11", b"0011", b"9" * 5000])
def test_a_body_that_is_announced_as_too_large_is_not_read(length: bytes, events: Events) -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD, max_body=10, on_event=events)
    one = Exchange(stigg())
    one.scope["headers"].append((b"Content-Length", length))
    trio.run(app, one.scope, never(), one.send)
    assert one.status == 413
    assert "www-authenticate" not in one.headers
    assert json.loads(one.sent[1]["body"])["type"].endswith(":webhook_too_large")
    assert [event.reason for event in events] == ["too_large"]


def test_a_body_of_unknown_length_is_read_up_to_the_bound() -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD, max_body=10)
    part = {"type": "http.request", "body": b"12345", "more_body": True}
    last = {"type": "http.request", "body": b"12345", "more_body": False}
    assert exchange(app, stigg(), part, last).status == 200
    one = Exchange(stigg(), part, part, {**last, "body": b"1"}, last)
    trio.run(one.run, app)
    assert one.status == 413
    assert one.to_come == [last]
    for length in (b"10", b"x", b""):
        one = Exchange(stigg(), last)
        one.scope["headers"].append((b"content-length", length))
        assert trio.run(one.run, app).status == 200


def test_a_sender_who_goes_away_gets_no_answer() -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD)
    part = {"type": "http.request", "body": BODY[:5], "more_body": True}
    assert exchange(app, stigg(), part, {"type": "http.disconnect"}).sent == []
    assert handler.scopes == []


# Paths


@pytest.mark.parametrize(
    ("paths", "path", "covered"),
    [
        (None, "/anything", True),
        ("/hooks", "/hooks", True),
        ("/hooks", "/hooks/", True),
        ("/hooks", "/hooks/stigg", True),
        ("/hooks/", "/hooks", True),
        ("/hooks", "//hooks", True),
        ("/hooks/a", "/hooks//a///", True),
        ("/hooks", "/hooks2", True),
        ("/hooks", "/other/hooks", True),
        ("/hooks", "/", False),
        ("/", "/", True),
        ("/", "/x", True),
        (["/a", "/b"], "/b", True),
        (["/a", "/b"], "/c", False),
        (frozenset({"/a"}), "/a", True),
        # What some router reads otherwise: see tests/frameworks/test_webhooks_paths.py.
        ("/hooks", "", False),
        ("/hooks", "hooks", True),
        ("/hooks", "x:hooks", True),
        ("/hooks", "http://x/hooks", True),
        ("/hooks", "*", True),
        ("/hooks", "\n/hooks", True),
        ("/hooks", "/hooks\n", True),
        ("/hooks", "/ho\0ok\x7fs", True),
        ("/hooks", "/HOOKS", True),
        ("/hooks", "/hoo\u212as", True),
        ("/Hooks", "/hooks", True),
        ("/hooks", "/hooks;x", True),
        ("/hooks", "/\\hooks", True),
        ("/hooks/stigg", "/x/..", True),
        ("/hooks/stigg", "/./x", True),
        ("/hooks/stigg", "/x/..x", False),
        ("/hooks", "/@@hooks", True),
        # No framework reads this one so.
        ("/hooks/a", "/hooks%2fa", False),
    ],
)
def test_which_paths_are_verified(paths: Any, path: str, covered: bool) -> None:
    app = WebhookMiddleware(answer(), verifier=GOOD, paths=paths)
    found = exchange(app, Delivery({}, path=path))
    assert found.status == (401 if covered else 200)
    assert ("verified_webhook" in found.scope["state"]) is False


@pytest.mark.parametrize(
    ("path", "root", "covered"),
    [("/app/hooks", "/app", True), ("/hooks", "/app", True), ("/app/hooks", "", True),
     ("/app", "/app", False), ("/apple/hooks", "/app", True), ("/app", "/hooks", True),
     # Of frameworks that look for the root anywhere, and of one that does not ask.
     ("/x/app/hooks", "/app", True), ("/apphooks", "/app", True), ("/app//hooks", "/app/", True),
     ("/hooks/a", "/hooks", True), ("/apple/x", "/app", False)],
)  # fmt: skip
def test_paths_are_those_within_the_application(path: str, root: str, covered: bool) -> None:
    app = WebhookMiddleware(answer(), verifier=GOOD, paths="/hooks")
    found = exchange(app, Delivery({}, path=path), root_path=root)
    assert found.status == (401 if covered else 200)


def test_two_vendors_of_one_application() -> None:
    handler = Handler()
    inner = WebhookMiddleware(handler, verifier=GOOD, paths="/stigg")
    app = WebhookMiddleware(inner, verifier=verifier("github"), paths="/github")
    assert exchange(app, stigg()._replace(path="/stigg")).status == 200
    assert exchange(app, github()._replace(path="/github")).status == 200
    assert exchange(app, github()._replace(path="/stigg")).status == 401
    schemes = [scope["state"]["verified_webhook"].scheme for scope in handler.scopes]
    assert schemes == ["stigg", "github"]


def test_what_is_no_request_passes_and_websockets_are_closed() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    wrapped = WebhookMiddleware(app, verifier=GOOD, paths="/hooks")
    one = Exchange(stigg())
    one.scope = {"type": "lifespan"}
    trio.run(one.run, wrapped)
    one = Exchange(stigg(), type="websocket")
    trio.run(one.run, wrapped)
    assert one.sent == [{"type": "websocket.close", "code": 1008}]
    trio.run(Exchange(stigg()._replace(path="/ws"), type="websocket").run, wrapped)
    assert seen == ["lifespan", "websocket"]


# Duplicates


def test_a_delivery_that_was_handled_is_answered_and_not_handled_again(events: Events) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, on_event=events)
    first, second, third = (exchange(app, stigg()) for _ in range(3))
    assert [one.status for one in (first, second, third)] == [200, 200, 200]
    assert len(handler.scopes) == 1
    assert second.headers == {"content-length": "0", "cache-control": "no-store"}
    assert [(event.name, event.reason) for event in events if event.name == "duplicate"] == [
        ("duplicate", "done")
    ] * 2
    other = stigg(b'{"messageId":"evt-2"}')
    assert exchange(app, other).status == 200
    assert len(handler.scopes) == 2


@pytest.mark.parametrize("status", [199, 300, 400, 404, 409, 500, 503])
def test_a_delivery_whose_handling_failed_reaches_the_application_again(status: int) -> None:
    handler = Handler(status, status, 204)
    app = WebhookMiddleware(handler, verifier=GOOD)
    assert [exchange(app, stigg()).status for _ in range(5)] == [status, status, 204, 200, 200]
    assert len(handler.scopes) == 3


def part(more: bool, kind: str = "body") -> Message:
    return {"type": f"http.response.{kind}", "body": b"", "more_body": more}


@pytest.mark.parametrize(
    ("messages", "handled"),
    [
        ([], False),
        ([part(True)], False),
        ([part(True), part(True)], False),
        ([part(True), part(False)], True),
        ([part(True, "zerocopysend")], False),
        ([part(True, "zerocopysend"), part(False, "zerocopysend")], True),
        ([{"type": "http.response.pathsend", "path": "/tmp/x"}], True),
        ([{"type": "http.response.push"}], False),
    ],
)
def test_an_answer_counts_once_it_is_complete(messages: list[Message], handled: bool) -> None:
    reached: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for message in messages:
            await send(message)

    wrapped = WebhookMiddleware(app, verifier=GOOD)
    for _ in range(2):
        exchange(wrapped, stigg())
    assert len(reached) == (1 if handled else 2)


@pytest.mark.parametrize("stage", ["at once", "after the start", "after a part", "no answer"])
def test_a_delivery_whose_handling_raised_reaches_the_application_again(stage: str) -> None:
    reached: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(stage)
        if stage == "no answer":
            return
        if stage != "at once":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if stage == "after a part":
            await send({"type": "http.response.body", "body": b"", "more_body": True})
        raise RuntimeError(stage)

    wrapped = WebhookMiddleware(app, verifier=GOOD)
    for _ in range(2):
        if stage == "no answer":
            exchange(wrapped, stigg())
        else:
            with pytest.raises(RuntimeError):
                exchange(wrapped, stigg())
    assert len(reached) == 2


def test_once_the_answer_is_complete_what_runs_in_the_background_changes_nothing() -> None:
    reached: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(1)
        await answer()(scope, receive, send)
        raise RuntimeError("in the background")

    wrapped = WebhookMiddleware(app, verifier=GOOD)
    with pytest.raises(RuntimeError):
        exchange(wrapped, stigg())
    assert exchange(wrapped, stigg()).status == 200
    assert len(reached) == 1


@pytest.mark.parametrize("first_status", [200, 500])
def test_of_two_at_once_one_is_handled_and_the_other_comes_again(
    first_status: int, events: Events
) -> None:
    async def both() -> list[int]:
        inside, go_on = trio.Event(), trio.Event()
        handler = Handler(first_status)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if not inside.is_set():
                inside.set()
                await go_on.wait()
            await handler(scope, receive, send)

        wrapped = WebhookMiddleware(app, verifier=GOOD, on_event=events)
        first, second, third = Exchange(stigg()), Exchange(stigg()), Exchange(stigg())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.run, wrapped)
            await inside.wait()
            await second.run(wrapped)
            assert second.headers["retry-after"] == "5"
            assert second.headers["cache-control"] == "no-store"
            go_on.set()
        await third.run(wrapped)
        return [first.status, second.status, third.status, len(handler.scopes)]

    expected = [200, 503, 200, 1] if first_status == 200 else [500, 503, 200, 2]
    assert trio.run(both) == expected
    assert events.named("duplicate")[0].reason == "busy"


def test_a_handling_that_was_cancelled_is_no_success() -> None:
    async def cancelled() -> int:
        handler = Handler()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await trio.sleep_forever()

        calls: Iterator[App] = iter([app, handler])

        async def either(scope: Scope, receive: Receive, send: Send) -> None:
            await next(calls)(scope, receive, send)

        wrapped = WebhookMiddleware(either, verifier=GOOD)
        with trio.CancelScope() as scope:
            scope.cancel()
            await Exchange(stigg()).run(wrapped)
        await Exchange(stigg()).run(wrapped)
        return len(handler.scopes)

    assert trio.run(cancelled) == 1


def test_a_claim_ends_by_itself_and_so_does_the_memory_of_an_id() -> None:
    now = [NOW]
    memory = DeliveriesInMemory(lambda: now[0])
    assert memory.begin("k", "one") == "new"
    now[0] += 59.9
    assert memory.begin("k", "two") == "busy"
    now[0] += 0.2
    assert memory.begin("k", "two") == "new"
    memory.fail("k", "one")  # whose claim it is no more
    assert memory.begin("k", "three") == "busy"
    memory.succeed("k")
    memory.fail("k", "two")
    now[0] += 3 * 86400 - 1
    assert memory.begin("k", "four") == "done"
    now[0] += 2
    assert memory.begin("k", "four") == "new"
    memory.fail("other", "x")


def test_the_memory_is_bounded_and_the_oldest_goes_first() -> None:
    memory = DeliveriesInMemory(lambda: NOW)
    for number in range(MAX_REMEMBERED + 1):
        memory.begin(str(number), "c")
        memory.succeed(str(number))
    assert len(memory._seen) == MAX_REMEMBERED
    assert memory.begin("1", "c") == "done"
    assert memory.begin("0", "c") == "new"


def test_a_delivery_is_as_old_as_its_handling() -> None:
    memory = DeliveriesInMemory(lambda: NOW)
    for number in range(MAX_REMEMBERED):
        memory.begin(str(number), "c")
    memory.succeed("0")
    memory.begin("more", "c")
    assert memory.begin("0", "c") == "done"
    assert memory.begin("1", "c") == "new"


def test_an_id_is_kept_as_a_hash_alone() -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD)
    exchange(app, stigg())
    deliveries: Any = app._deliveries
    (key,) = deliveries._seen
    assert len(key) == 64
    assert "evt-1" not in repr(deliveries._seen)


@pytest.mark.parametrize("an_id", ["\ud800", "a b", "é", "x" * 9999, 7])
def test_any_text_or_number_tells_deliveries_apart(an_id: object) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD)
    one, other = (stigg(json.dumps({"messageId": value}).encode()) for value in (an_id, "other"))
    for delivery in (one, one, other, other):
        assert exchange(app, delivery).status == 200
    assert len(handler.scopes) == 2


def test_where_duplicates_are_delivered_or_there_is_no_id_all_attempts_reach_it() -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, duplicates="deliver")
    for _ in range(2):
        assert exchange(app, stigg()).status == 200
    app = WebhookMiddleware(handler, verifier=GOOD)
    for body in (b"{}", b"{}", b'{"messageId":""}', b'{"messageId":""}'):
        assert exchange(app, stigg(body)).status == 200
    assert len(handler.scopes) == 6


# A store


class Store:
    """Stands for a RedisStore that is away, or whose answers are lost, at these questions."""

    prefix = "test:"

    def __init__(self, *away: int, lost: int = 0) -> None:
        self.away, self.lost, self.asked = away, lost, 0
        self.kept: dict[str, str] = {}
        self.lived: list[int] = []

    def ask(self, what: Callable[[Any], Any]) -> Any:
        self.asked += 1
        if self.asked in self.away:
            raise StoreUnavailable("away", kind="TimeoutError")
        answer = what(self)
        if self.asked == self.lost:
            raise StoreUnavailable("lost", kind="TimeoutError")
        return answer

    def set(self, name: str, value: str, *, ex: int, nx: bool = False) -> bool | None:
        if nx and name in self.kept:
            return None
        self.kept[name] = value
        self.lived.append(ex)
        return True

    def get(self, name: str) -> str | None:
        return self.kept.get(name)

    def eval(self, script: str, count: int, name: str, claim: str) -> int:
        if self.kept.get(name) != claim:
            return 0
        del self.kept[name]
        return 1


async def asyncio_exchanges(app: App, *deliveries: Delivery) -> list[Exchange]:
    return [await Exchange(delivery).run(app) for delivery in deliveries]


@pytest.mark.asyncio
async def test_a_store_is_asked_in_a_thread() -> None:
    store: Any = Store()
    handler = Handler(500)
    app = WebhookMiddleware(handler, verifier=GOOD, store=store)
    found = await asyncio_exchanges(app, *[stigg()] * 3)
    assert [one.status for one in found] == [500, 200, 200]
    assert len(handler.scopes) == 2
    (name,) = store.kept
    assert name.startswith("test:webhook:")
    assert "evt-1" not in name
    assert store.lived == [60, 60, 3 * 86400]


@pytest.mark.asyncio
async def test_while_the_store_is_away_deliveries_are_handled_maybe_twice(events: Events) -> None:
    store: Any = Store(*range(1, 9))
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, store=store, on_event=events)
    found = await asyncio_exchanges(app, *[stigg()] * 2)
    assert [one.status for one in found] == [200, 200]
    assert len(handler.scopes) == 2
    assert [(event.reason, event.error) for event in events.named("failed")] == [
        ("store_unavailable", "TimeoutError")
    ] * 2


@pytest.mark.asyncio
async def test_a_claim_whose_answer_was_lost_is_given_back(events: Events) -> None:
    store: Any = Store(lost=1)
    handler = Handler(500, 204)
    app = WebhookMiddleware(handler, verifier=GOOD, store=store, on_event=events)
    found = await asyncio_exchanges(app, *[stigg()] * 3)
    assert [one.status for one in found] == [500, 204, 200]
    assert len(events.named("failed")) == 1


@pytest.mark.asyncio
async def test_and_if_all_was_well_that_is_remembered() -> None:
    store: Any = Store(lost=1)
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, store=store)
    found = await asyncio_exchanges(app, *[stigg()] * 2)
    assert [one.status for one in found] == [200, 200]
    assert len(handler.scopes) == 1


class Watched(Store):
    """Says when a claim has been given back."""

    def __init__(self) -> None:
        super().__init__()
        self.given_back = threading.Event()

    def eval(self, script: str, count: int, name: str, claim: str) -> int:
        found = super().eval(script, count, name, claim)
        self.given_back.set()
        return found


@pytest.mark.asyncio
async def test_a_task_that_is_cancelled_gives_the_claim_back() -> None:
    store: Any = Watched()
    inside = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        inside.set()
        await asyncio.sleep(60)

    wrapped = WebhookMiddleware(app, verifier=GOOD, store=store)
    task = asyncio.create_task(Exchange(stigg()).run(wrapped))
    await inside.wait()
    task.cancel()
    await asyncio.wait([task])
    assert store.given_back.is_set()
    assert store.kept == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("complete", [False, True])
async def test_a_scope_that_is_cancelled_at_each_await_gives_the_claim_back(complete: bool) -> None:
    store: Any = Watched()
    free = threading.Event()
    pool = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(pool)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pool.submit(free.wait, 20)  # so that nothing else begins in time
        group.cancel_scope.cancel()
        if complete:
            await answer()(scope, receive, send)
        await asyncio.sleep(60)

    wrapped = WebhookMiddleware(app, verifier=GOOD, store=store)
    async with anyio.create_task_group() as group:
        group.start_soon(Exchange(stigg()).run, wrapped)
    assert store.given_back.wait(20)
    free.set()
    assert store.kept == {}


@pytest.mark.asyncio
async def test_or_they_are_refused_so_that_they_come_again(events: Events) -> None:
    store: Any = Store(1)
    handler = Handler()
    app = WebhookMiddleware(
        handler, verifier=GOOD, store=store, when_unavailable="fail_closed", on_event=events
    )
    found = await asyncio_exchanges(app, *[stigg()] * 2)
    assert [one.status for one in found] == [503, 200]
    assert found[0].headers["retry-after"] == "5"
    assert len(handler.scopes) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [200, 500])
async def test_a_store_that_goes_away_meanwhile_spoils_no_answer(
    status: int, events: Events
) -> None:
    store: Any = Store(2)
    app = WebhookMiddleware(Handler(status), verifier=GOOD, store=store, on_event=events)
    found = await asyncio_exchanges(app, *[stigg()] * 2)
    # The claim is still there, and ends by itself.
    assert [one.status for one in found] == [status, 503]
    assert [event.reason for event in events.named("failed")] == ["store_unavailable"]


@pytest.mark.asyncio
async def test_a_claim_that_ends_between_two_questions_is_somebody_elses() -> None:
    store: Any = Store()
    app = WebhookMiddleware(Handler(), verifier=GOOD, store=store)
    await Exchange(stigg()).run(app)
    store.get = lambda name: None
    assert (await Exchange(stigg()).run(app)).status == 503


# Configuration and leaks


@pytest.mark.parametrize(
    "options",
    [
        {"verifier": "stigg"},
        {"verifier": Keyring(SECRET)},
        {"max_body": 0},
        {"max_body": True},
        {"max_body": 1.5},
        {"paths": "hooks"},
        {"paths": []},
        {"paths": 5},
        {"paths": [b"/hooks"]},
        *[
            {"paths": path}
            for path in (
                "//hooks",
                "/hooks//x",
                "//",
                "/hooks?x=1",
                "/hooks#x",
                "/hooks/{id}",
                "/hooks/<id>",
                "/hooks/*",
                "/caf%C3%A9",
                "/hooks\n",
                ["/a", "/b//c"],
            )
        ],
        {"duplicates": "drop"},
        {"duplicates": None},
        {"when_unavailable": "open"},
        {"store": "redis://localhost"},
        {"store": Store(), "duplicates": "deliver"},
        {"on_event": 5},
        {"clock": 5},
    ],
)
def test_options_that_do_not_fit_are_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"{next(reversed(options))}=|store="):
        WebhookMiddleware(answer(), **{"verifier": GOOD, **options})


def test_an_async_hook_is_refused() -> None:
    async def hook(event: Any) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="on_event="):
        WebhookMiddleware(answer(), verifier=GOOD, on_event=hook)


def test_nothing_that_is_logged_or_answered_shows_a_secret_or_an_id(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app = WebhookMiddleware(Handler(500), verifier=GOOD, on_event=events)
    found = [exchange(app, delivery) for delivery in (stigg(), stigg(), stigg(), stigg(secret="x"))]
    seen = caplog.text + repr([vars(record) for record in caplog.records]) + repr(events)
    seen += repr([one.sent for one in found])
    assert "duplicate: done (scheme=webhook:stigg" in caplog.text
    for value in (SECRET, "evt-1", BODY.decode()):
        assert value not in seen
