"""The identity in the state of an ASGI scope."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from countermark import Signer
from countermark.asgi import Receive, Scope, Send
from countermark.signing import RequestIdentity
from tests.asgi.samples import CLOSED, PLAIN, TOKEN, VARY, Wrap, token
from tests.conftest import Events
from tests.drivers import answer, asend, header, http_scope, request


class TestState:
    def test_a_scope_without_state_gets_one(self, wrap: Wrap, stigg: Signer) -> None:
        scope = http_scope()
        del scope["state"]
        start, _ = request(wrap(answer(PLAIN)), scope)
        assert header(start, TOKEN) == token(stigg)
        assert isinstance(scope["countermark"], RequestIdentity)

    def test_a_value_that_the_lifespan_put_into_the_state_is_replaced(
        self, wrap: Wrap, stigg: Signer
    ) -> None:
        lifespan = {"countermark": "of another request", "pool": object()}
        scope = http_scope(state=lifespan)
        start, _ = request(wrap(answer(PLAIN)), scope)
        assert header(start, TOKEN) == token(stigg)
        assert lifespan["countermark"] == "of another request"
        assert scope["state"]["pool"] is lifespan["pool"]

    def test_a_state_that_all_requests_share_does_not_mix_users_up(
        self, wrap: Wrap, stigg: Signer
    ) -> None:
        """ASGI requires a copy for each request; some test clients make none."""
        shared: dict[str, Any] = {}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(0.001)
            mine = scope["state"]["countermark"]["stigg"].principal_id
            assert mine == scope["user"]
            await answer(PLAIN)(scope, receive, send)

        middleware = wrap(app, lambda scope: scope["user"])

        async def main() -> None:
            users = [f"user-{number}" for number in range(5)]
            scopes = [http_scope(user=user, state=shared) for user in users]
            await asyncio.gather(*[asend(middleware, scope) for scope in scopes])

        asyncio.run(main())

    def test_a_scope_that_is_used_again_is_a_new_request(self, wrap: Wrap, stigg: Signer) -> None:
        app, scope = wrap(answer(PLAIN), lambda scope: scope["user"]), http_scope()
        for user in ("user-1", "user-2"):
            scope["user"] = user
            start, _ = request(app, scope)
            assert header(start, TOKEN) == token(stigg, user)

    def test_state_may_be_none(self, wrap: Wrap, stigg: Signer) -> None:
        start, _ = request(wrap(answer(PLAIN)), http_scope(state=None))
        assert header(start, TOKEN) == token(stigg)

    def test_an_inner_middleware_passes_requests_on(
        self, wrap: Wrap, stigg: Signer, events: Events
    ) -> None:
        inner = wrap(
            answer(PLAIN), lambda scope: pytest.fail("the inner middleware calls its resolver")
        )
        start, _ = request(wrap(inner))
        assert header(start, TOKEN) == token(stigg)
        assert len(events.named("signed")) == 1

    def test_in_a_copied_scope_the_object_is_the_same(self, wrap: Wrap, stigg: Signer) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            copied = dict(scope, user="user-2")
            copied["state"]["countermark"].identify(copied["user"])
            await answer(PLAIN)(copied, receive, send)

        start, _ = request(wrap(app))
        assert header(start, TOKEN) == token(stigg, "user-2")

    def test_a_foreign_value_in_the_scope_is_ignored(self, wrap: Wrap, stigg: Signer) -> None:
        start, _ = request(wrap(answer(PLAIN)), http_scope(countermark="theirs"))
        assert header(start, TOKEN) == token(stigg)

    def test_a_page_with_a_validator_becomes_no_store_once_a_token_was_read(
        self, wrap: Wrap, events: Events
    ) -> None:
        app = wrap(
            answer(
                [*PLAIN, (b"etag", b'"1"')], before=lambda s: s["state"]["countermark"].payload()
            )
        )
        start, _ = request(app)
        assert header(start, TOKEN)
        assert header(start, b"cache-control") == CLOSED[1]
        assert header(start, b"vary") == VARY[1]
        assert header(start, b"etag") == b'"1"'
        assert events.named("withheld") == []
        assert events.named("exposed") == []

    def test_after_an_exception_the_identity_is_anonymous(
        self, wrap: Wrap, stigg: Signer, events: Events
    ) -> None:
        """An error page from outside the middleware must not show tokens."""
        seen: list[RequestIdentity] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            identity = scope["state"]["countermark"]
            identity.identify("user-2")
            assert identity["stigg"].token
            seen.append(identity)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            request(wrap(app))
        assert seen[0].payload() == {}
        assert seen[0].principal is None

    def test_the_identity_is_freed_after_the_request(self, wrap: Wrap, stigg: Signer) -> None:
        app = wrap(answer(PLAIN), on_event=None)
        gc.collect()
        gc.disable()
        try:
            before = {id(item) for item in gc.get_objects() if type(item) is RequestIdentity}
            request(app)
            alive = [item for item in gc.get_objects() if type(item) is RequestIdentity]
        finally:
            gc.enable()
        assert [item for item in alive if id(item) not in before] == []
