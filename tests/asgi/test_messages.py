"""ASGI messages and scopes other than a valid start of a response."""

from __future__ import annotations

import pytest
import trio

from countermark import Signer
from countermark.asgi import Message, Receive, Scope, Send
from tests.asgi.samples import PLAIN, TOKEN, USER, Wrap, token
from tests.conftest import Events
from tests.drivers import header, request


class TestOtherMessages:
    def test_scopes_of_other_types_pass_untouched(self, wrap: Wrap) -> None:
        seen = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((scope, receive, send))

        async def receive() -> Message:
            return {}

        async def send(message: Message) -> None: ...

        trio.run(wrap(app), {"type": "something-new"}, receive, send)
        assert seen == [({"type": "something-new"}, receive, send)]

    def test_messages_of_extensions_pass_unchanged(self, wrap: Wrap) -> None:
        extras: list[Message] = [
            {"type": "http.response.early_hint", "links": [b"</a>"]},
            {"type": "http.response.debug", "info": {}},
            {"type": "http.response.pathsend", "path": "/file"},
            {"type": "http.response.trailers", "headers": [(b"a", b"1")]},
        ]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for message in extras:
                await send(message)

        sent = request(wrap(app))
        assert all(one is other for one, other in zip(sent, extras, strict=True))

    def test_a_second_start_is_rewritten_without_signing_again(
        self, wrap: Wrap, stigg: Signer, events: Events
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for status in (200, 500):
                await send({"type": "http.response.start", "status": status, "headers": PLAIN})

        for start in request(wrap(app)):
            assert header(start, TOKEN) == token(stigg)
        assert len(events.named("signed")) == 1

    def test_an_application_that_sends_no_start_is_not_an_error(self, wrap: Wrap) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

        assert request(wrap(app)) == []

    @pytest.mark.parametrize(
        "message",
        [
            {"type": "http.response.start"},
            {"type": "http.response.start", "status": "200"},
            {"type": "http.response.start", "status": 200, "headers": [("text", "text")]},
            {"type": "http.response.start", "status": 200, "headers": [(b"one",)]},
            {"type": "http.response.start", "status": 200, "headers": [None]},
            {"type": "http.response.start", "status": 200, "headers": None},
            {"type": "http.response.start", "status": 200, "headers": 5},
        ],
        ids=["no status", "text", "names as text", "no pair", "no tuple", "none", "a number"],
    )
    @pytest.mark.parametrize("asynchronous", [False, True])
    def test_an_invalid_message_is_passed_to_the_server(
        self, wrap: Wrap, events: Events, message: Message, asynchronous: bool
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(message)

        async def resolve(scope: Scope) -> str:
            return USER

        assert request(wrap(app, resolve if asynchronous else USER)) == [message]
        assert [event.reason for event in events.named("failed")] == ["delivery_raised"]
