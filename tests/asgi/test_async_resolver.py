"""Resolvers that are awaited or run in a thread under ASGI."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from countermark import Signer
from countermark.asgi import Message, Receive, Scope, Send
from tests.asgi.samples import PLAIN, TOKEN, USER, Wrap, token
from tests.drivers import answer, asend, header, http_scope, request


class TestAsynchronousResolver:
    def test_an_async_resolver_is_awaited_once_when_the_response_starts(
        self, wrap: Wrap, stigg: Signer, run: Callable[..., Any]
    ) -> None:
        calls = []

        async def resolve(scope: Scope) -> str:
            calls.append(scope["user"])
            return USER

        def log_in(scope: Scope) -> None:
            assert calls == []
            scope["user"] = USER

        app = wrap(answer(iter(PLAIN), before=log_in), resolve)
        start, _ = run(asend, app, http_scope())
        assert header(start, TOKEN) == token(stigg)
        assert calls == [USER]

    def test_an_async_resolver_is_awaited_when_the_application_loads_the_identity(
        self, wrap: Wrap, stigg: Signer, run: Callable[..., Any]
    ) -> None:
        calls = []

        async def resolve(scope: Scope) -> str:
            calls.append(1)
            return USER

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            identity = await scope["state"]["countermark"].load()
            assert identity["stigg"].token == stigg.sign(USER)
            await answer(PLAIN)(scope, receive, send)

        start, _ = run(asend, wrap(app, resolve), http_scope())
        assert header(start, TOKEN) == token(stigg)
        assert len(calls) == 1

    def test_an_async_resolver_is_not_awaited_for_a_response_without_a_token(
        self, wrap: Wrap
    ) -> None:
        async def resolve(scope: Scope) -> str:
            pytest.fail("the principal is not needed")

        request(wrap(answer([(b"etag", b'"1"')]), resolve))
        request(wrap(answer(PLAIN, 304), resolve))
        request(wrap(answer(PLAIN, 103), resolve))
        request(wrap(answer(PLAIN), resolve), http_scope(method="OPTIONS"))

    def test_a_blocking_resolver_runs_in_a_thread(self, wrap: Wrap, stigg: Signer) -> None:
        threads = []

        def resolve(scope: Scope) -> str:
            threads.append(threading.current_thread())
            return USER

        app = wrap(answer(PLAIN), resolve, blocking=True)
        start, _ = asyncio.run(asend(app, http_scope()))
        assert header(start, TOKEN) == token(stigg)
        assert threads != [threading.main_thread()]
        assert len(threads) == 1

    def test_blocking_resolvers_run_at_the_same_time(self, wrap: Wrap) -> None:
        both = threading.Barrier(2)

        def resolve(scope: Scope) -> str:
            both.wait(timeout=10)
            return USER

        app = wrap(answer(PLAIN), resolve, blocking=True)

        async def main() -> list[list[Message]]:
            return await asyncio.gather(*[asend(app, http_scope()) for _ in range(2)])

        assert all(header(start, TOKEN) for start, _ in asyncio.run(main()))
