"""Runs applications behind a leak guard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import trio

from countermark import Event, Keyring, asgi, wsgi
from countermark.asgi import App, Message, Receive, Scope, Send
from countermark.errors import LeakBlocked
from countermark.events import Leak
from countermark.leaks import LeakMode, Secrets
from tests.drivers import call, http_scope

SECRET = "live_secret_" + "0f3a91c7d2be4865" * 4
RANDOM = SECRET.removeprefix("live_secret_")
RING = Keyring(SECRET)
SECRETS = {"COGNITO_API_SECRET": RING}
HTML = [("Content-Type", "text/html")]


def leaks_of(events: Iterable[Event]) -> list[Leak]:
    return [event.leak for event in events if event.leak is not None]


def reported(
    chunks: Sequence[bytes],
    headers: Sequence[tuple[str, str]] = (),
    *,
    secrets: Secrets = SECRETS,
) -> list[Event]:
    """Return the events of a WSGI response in the mode ``report``, which must be unchanged."""
    events: list[Event] = []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(headers))
        yield from chunks

    guarded = wsgi.LeakGuardMiddleware(app, mode="report", secrets=secrets, on_event=events.append)
    answer = call(guarded)
    assert list(answer.body) == list(chunks)
    assert answer.starts == [("200 OK", list(headers))]
    return events


def stream(
    chunks: Iterable[bytes],
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    trailers: Sequence[tuple[bytes, bytes]] | None = None,
) -> App:
    """Return an ASGI application that sends *chunks* one by one, and then an empty one."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [*headers]}
        await send(start | ({} if trailers is None else {"trailers": True}))
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        if trailers is not None:
            await send({"type": "http.response.trailers", "headers": [*trailers]})

    return app


class Exchange:
    """One ASGI request through a guard: the messages, the events and the error."""

    def __init__(
        self,
        app: App,
        mode: LeakMode = "block",
        scope: Mapping[str, Any] | None = None,
        sent: list[Message] | None = None,
        **options: Any,
    ) -> None:
        self.sent: list[Message] = [] if sent is None else sent
        self.events: list[Event] = []
        self.error: Exception | None = None
        self._requested = False
        self.scope: Scope = http_scope() if scope is None else dict(scope)
        given: dict[str, Any] = {"secrets": SECRETS, "on_event": self.events.append} | options
        guarded = asgi.LeakGuardMiddleware(app, mode=mode, **given)
        try:
            trio.run(guarded, self.scope, self._receive, self._send)
        except Exception as error:
            self.error = error

    async def _receive(self) -> Message:
        if self._requested:
            await trio.sleep_forever()  # the client waits
        self._requested = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def body(self) -> bytes:
        return b"".join(
            message["body"] for message in self.sent if message["type"] == "http.response.body"
        )

    @property
    def leaks(self) -> list[Leak]:
        return leaks_of(self.events)


def sent_before_cut(body: Iterable[bytes]) -> bytes:
    """Return the bytes of a WSGI body up to the place where the guard cuts it off."""
    sent = b""
    chunks = iter(body)
    while True:
        try:
            sent += next(chunks)
        except (LeakBlocked, StopIteration):
            return sent
