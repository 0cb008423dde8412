"""A delivery that was handled under ASGI is not handled again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from countermark.asgi import App, Message, Receive, Scope, Send, WebhookMiddleware
from countermark.webhooks._deduplication import MAX_REMEMBERED, DeliveriesInMemory
from tests.conftest import Events
from tests.drivers import answer
from tests.webhooks.exchanges import GOOD, Exchange, Handler, exchange
from tests.webhooks.samples import (
    NOW,
    stigg,
)


def test_a_handled_delivery_is_answered_and_not_handled_again(events: Events) -> None:
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
def test_a_delivery_is_handled_again_after_an_error_status(status: int) -> None:
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
def test_a_response_counts_once_it_is_complete(messages: list[Message], handled: bool) -> None:
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
def test_a_delivery_is_handled_again_after_an_exception(stage: str) -> None:
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


def test_an_error_of_a_background_task_after_the_response_changes_nothing() -> None:
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
def test_of_two_attempts_at_once_one_is_handled_and_the_other_is_retried(
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


def test_a_cancelled_handler_is_a_failure() -> None:
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


def test_claims_and_remembered_ids_expire() -> None:
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


def test_the_memory_is_bounded_and_drops_the_oldest_first() -> None:
    memory = DeliveriesInMemory(lambda: NOW)
    for number in range(MAX_REMEMBERED + 1):
        memory.begin(str(number), "c")
        memory.succeed(str(number))
    assert len(memory._seen) == MAX_REMEMBERED
    assert memory.begin("1", "c") == "done"
    assert memory.begin("0", "c") == "new"


def test_the_age_of_a_delivery_counts_from_its_handling() -> None:
    memory = DeliveriesInMemory(lambda: NOW)
    for number in range(MAX_REMEMBERED):
        memory.begin(str(number), "c")
    memory.succeed("0")
    memory.begin("more", "c")
    assert memory.begin("0", "c") == "done"
    assert memory.begin("1", "c") == "new"


def test_an_id_is_stored_only_as_a_hash() -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD)
    exchange(app, stigg())
    deliveries: Any = app._deliveries
    (key,) = deliveries._seen
    assert len(key) == 64
    assert "evt-1" not in repr(deliveries._seen)


@pytest.mark.parametrize("an_id", ["\ud800", "a b", "é", "x" * 9999, 7])
def test_any_text_or_number_distinguishes_deliveries(an_id: object) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD)
    one, other = (stigg(json.dumps({"messageId": value}).encode()) for value in (an_id, "other"))
    for delivery in (one, one, other, other):
        assert exchange(app, delivery).status == 200
    assert len(handler.scopes) == 2


def test_all_attempts_are_passed_on_without_an_id_or_with_duplicates_deliver() -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, duplicates="deliver")
    for _ in range(2):
        assert exchange(app, stigg()).status == 200
    app = WebhookMiddleware(handler, verifier=GOOD)
    for body in (b"{}", b"{}", b'{"messageId":""}', b'{"messageId":""}'):
        assert exchange(app, stigg(body)).status == 200
    assert len(handler.scopes) == 6
