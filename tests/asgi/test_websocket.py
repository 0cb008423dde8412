"""Tokens in the handshake of websockets."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import Signer
from countermark.asgi import Receive, Scope, Send
from tests.asgi.samples import PLAIN, TOKEN, USER, Wrap, token
from tests.drivers import http_scope, request


class TestWebSocket:
    @staticmethod
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["read"] = scope["state"]["countermark"].payload()
        await send({"type": "websocket.accept", "headers": [(b"x-a", b"1")]})
        await send({"type": "websocket.close"})

    def test_a_websocket_gets_state_and_no_header(self, wrap: Wrap, stigg: Signer) -> None:
        scope = http_scope(type="websocket")
        accept, close = request(wrap(self.app), scope)
        assert scope["read"]["stigg"]["customerToken"] == stigg.sign(USER)
        assert accept == {"type": "websocket.accept", "headers": [(b"x-a", b"1")]}
        assert close == {"type": "websocket.close"}

    @pytest.mark.parametrize("asynchronous", [False, True])
    def test_a_websocket_gets_a_header_with_websocket_headers(
        self, wrap: Wrap, stigg: Signer, asynchronous: bool
    ) -> None:
        async def resolve(scope: Scope) -> str:
            return USER

        app = wrap(self.app, resolve if asynchronous else USER, websocket_headers=True)
        accept, _ = request(app, http_scope(type="websocket"))
        assert accept["headers"] == [(b"x-a", b"1"), (TOKEN, token(stigg))]
        accept, _ = request(
            wrap(self.app, None, websocket_headers=True), http_scope(type="websocket")
        )
        assert accept["headers"] == [(b"x-a", b"1")]

    def test_a_token_header_of_the_application_is_replaced(self, wrap: Wrap, stigg: Signer) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept", "headers": [(TOKEN.title(), b"old")]})

        (accept,) = request(wrap(app, websocket_headers=True), http_scope(type="websocket"))
        assert accept["headers"] == [(TOKEN, token(stigg))]

    @pytest.mark.parametrize("headers", [None, 5, [None]])
    def test_an_invalid_message_is_passed_to_the_server(self, wrap: Wrap, headers: Any) -> None:
        message = {"type": "websocket.accept", "headers": headers}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(message)

        assert request(wrap(app, websocket_headers=True), http_scope(type="websocket")) == [message]

    def test_a_denial_response_is_left_alone(self, wrap: Wrap) -> None:
        message = {"type": "websocket.http.response.start", "status": 403, "headers": PLAIN}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send(message)

        assert request(wrap(app, websocket_headers=True), http_scope(type="websocket")) == [message]
