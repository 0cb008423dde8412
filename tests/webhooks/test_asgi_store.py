"""Duplicates are found with a store that workers share, and deliveries pass without it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
import trio

from countermark.asgi import App, Receive, Scope, Send, WebhookMiddleware
from countermark.webhooks._deduplication import RELEASE
from tests.conftest import Events
from tests.drivers import answer
from tests.webhooks.exchanges import GOOD, Exchange, Handler
from tests.webhooks.fake_store import Store
from tests.webhooks.samples import (
    Delivery,
    stigg,
)


async def asyncio_exchanges(app: App, *deliveries: Delivery) -> list[Exchange]:
    return [await Exchange(delivery).run(app) for delivery in deliveries]


@pytest.mark.asyncio
async def test_the_store_is_used_in_a_thread() -> None:
    store: Any = Store()
    handler = Handler(500)
    app = WebhookMiddleware(handler, verifier=GOOD, store=store)
    found = await asyncio_exchanges(app, *[stigg()] * 3)
    assert [one.status for one in found] == [500, 200, 200]
    assert len(handler.scopes) == 2
    (name,) = store.kept
    assert name.startswith("test:{")
    assert name.endswith("}:webhook")
    assert "evt-1" not in name
    assert store.lived == [60, 60, 3 * 86400]


@pytest.mark.asyncio
async def test_deliveries_are_handled_while_the_store_is_unavailable(events: Events) -> None:
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
async def test_a_claim_is_released_if_the_answer_of_the_store_was_lost(events: Events) -> None:
    store: Any = Store(lost=1)
    handler = Handler(500, 204)
    app = WebhookMiddleware(handler, verifier=GOOD, store=store, on_event=events)
    found = await asyncio_exchanges(app, *[stigg()] * 3)
    assert [one.status for one in found] == [500, 204, 200]
    assert len(events.named("failed")) == 1


@pytest.mark.asyncio
async def test_a_success_is_remembered_if_the_answer_of_the_store_was_lost() -> None:
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

    def run(self, script: str, keys: Any, args: Any = (), *, durable: object = None) -> Any:
        found = super().run(script, keys, args, durable=durable)
        if script == RELEASE:
            self.given_back.set()
        return found


@pytest.mark.asyncio
async def test_a_cancelled_task_releases_its_claim() -> None:
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
async def test_a_scope_that_is_cancelled_at_each_await_releases_its_claim(complete: bool) -> None:
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
async def test_deliveries_get_a_503_while_the_store_is_unavailable_if_so_configured(
    events: Events,
) -> None:
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
async def test_a_store_that_fails_during_handling_does_not_change_the_response(
    status: int, events: Events
) -> None:
    store: Any = Store(2)
    app = WebhookMiddleware(Handler(status), verifier=GOOD, store=store, on_event=events)
    found = await asyncio_exchanges(app, *[stigg()] * 2)
    # The claim is still there, and ends by itself.
    assert [one.status for one in found] == [status, 503]
    assert [event.reason for event in events.named("failed")] == ["store_unavailable"]


def test_the_store_is_used_in_a_thread_under_trio() -> None:
    store: Any = Store()
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, store=store)

    async def main() -> list[int | None]:
        return [(await Exchange(stigg()).run(app)).status for _ in range(2)]

    assert trio.run(main) == [200, 200]
    assert len(handler.scopes) == 1
