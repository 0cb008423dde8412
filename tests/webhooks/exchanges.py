"""A delivery sent through an ASGI application, message by message."""

from __future__ import annotations

from typing import Any

import trio

from countermark.asgi import App, Message, Receive, Scope, Send
from tests.drivers import http_scope
from tests.webhooks.samples import (
    Delivery,
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
    """One delivery, and the messages that the vendor gets."""

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
    """An application that records messages and answers with the next of *statuses*."""

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
