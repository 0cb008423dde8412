"""The principal of a request under ASGI."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from countermark import Principal, Signer
from countermark.asgi import Receive, Scope, Send
from tests.asgi.samples import PLAIN, TOKEN, USER, VARY, Wrap, token
from tests.conftest import Events
from tests.drivers import answer, header, http_scope, request


class TestPrincipal:
    def test_a_login_inside_the_request_counts(self, wrap: Wrap, stigg: Signer) -> None:
        def log_in(scope: Scope) -> None:
            assert not scope["state"]["countermark"]
            scope["user"] = "user-2"

        app = wrap(answer(PLAIN, before=log_in), lambda scope: scope.get("user"))
        start, _ = request(app)
        assert header(start, TOKEN) == token(stigg, "user-2")

    def test_a_logout_inside_the_request_counts(self, wrap: Wrap) -> None:
        def log_out(scope: Scope) -> None:
            assert scope["state"]["countermark"]
            del scope["user"]

        app = wrap(answer(PLAIN, before=log_out), lambda scope: scope.get("user"))
        start, _ = request(app, http_scope(user=USER))
        assert header(start, TOKEN) is None

    def test_identify_and_forget_set_the_principal(self, wrap: Wrap, stigg: Signer) -> None:
        def identify(scope: Scope) -> None:
            scope["state"]["countermark"].identify(Principal("user-2"))

        def forget(scope: Scope) -> None:
            scope["state"]["countermark"].forget()

        start, _ = request(wrap(answer(PLAIN, before=identify), None))
        assert header(start, TOKEN) == token(stigg, "user-2")
        start, _ = request(wrap(answer(PLAIN, before=forget)))
        assert header(start, TOKEN) is None

    def test_the_principal_is_settled_when_the_response_starts(
        self, wrap: Wrap, stigg: Signer
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answer(PLAIN)(scope, receive, send)
            scope["user"] = "user-2"
            assert scope["state"]["countermark"]["stigg"].principal_id == USER
            await answer(PLAIN)(scope, receive, send)

        for start in request(wrap(app, lambda s: s["user"]), http_scope(user=USER))[::2]:
            assert header(start, TOKEN) == token(stigg)

    def test_an_impersonated_response_has_no_token_but_varies(
        self, wrap: Wrap, events: Events, stigg: Signer
    ) -> None:
        principal = Principal(USER, actor="staff-1")
        start, _ = request(wrap(answer(PLAIN), principal))
        assert start["headers"] == [*PLAIN, VARY]
        assert [event.reason for event in events] == ["suppressed"]
        start, _ = request(wrap(answer(PLAIN), principal, sign_impersonated=True))
        assert header(start, TOKEN) == token(stigg)

    def test_a_resolver_that_raises_leaves_the_page_as_it_is(
        self, wrap: Wrap, events: Events
    ) -> None:
        def resolve(scope: Scope) -> str:
            raise ConnectionError

        for headers in (PLAIN, [(b"vary", b"Accept")]):
            events.clear()
            read = answer(headers, before=lambda scope: scope["state"]["countermark"].payload())
            for app in (wrap(answer(headers), resolve), wrap(read, resolve)):
                for _ in range(2):
                    assert request(app) == request(answer(headers))
            assert [event.reason for event in events] == ["resolver_raised"] * 4

    @pytest.mark.parametrize("principal", ["user\n1", b"user-1", object()])
    def test_an_invalid_id_leaves_the_page_as_it_is(
        self, wrap: Wrap, events: Events, principal: Any
    ) -> None:
        assert request(wrap(answer(PLAIN), principal)) == request(answer(PLAIN))
        assert len(events) == 1

    def test_a_signer_that_raises_leaves_the_page_as_it_is(
        self, wrap: Wrap, events: Events, stigg: Signer, flow: Signer
    ) -> None:
        def broken(principal: object) -> str:
            raise ValueError

        stigg.sign = broken  # type: ignore[method-assign]
        for on_event in (None, events):
            app = wrap(answer(PLAIN), signers=[stigg, flow], on_event=on_event)
            start, _ = request(app)
            assert header(start, TOKEN) is None
            assert header(start, b"cognito-flow-signature") == token(flow)
        assert [event.reason for event in events.named("failed")] == ["signer_raised"]

    def test_a_failure_is_logged_once_without_a_hook_too(
        self, wrap: Wrap, stigg: Signer, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(principal: object) -> str:
            raise ValueError

        stigg.sign = broken  # type: ignore[method-assign]
        request(wrap(answer(PLAIN), on_event=None))
        assert [record.message.partition(" (")[0] for record in caplog.records] == [
            "failed: signer_raised"
        ]

    def test_an_error_of_the_application_passes(self, wrap: Wrap) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            request(wrap(app))

    def test_cancellation_inside_a_resolver_passes(self, wrap: Wrap) -> None:
        async def resolve(scope: Scope) -> str:
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            request(wrap(answer(PLAIN), resolve))
