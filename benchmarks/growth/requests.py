"""Requests that differ: each run of a block takes the next item of a cycle."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import cycle, islice
from typing import TypeVar

from benchmarks.asgi_stack import fresh_scope, receive, send
from benchmarks.measure import Block
from benchmarks.subject import ANONYMOUS, SIGNED_IN, USER_ID
from countermark.asgi import App, Message, Scope

T = TypeVar("T")


def in_turn(run: Callable[[T], object], items: Sequence[T]) -> Block:
    """Return the block that runs the next *count* of *items*, and begins again at the end."""
    rest = cycle(items)

    def block(count: int) -> None:
        for item in islice(rest, count):
            run(item)

    return block


def answered(app: App, scope: Scope) -> None:
    """Run a request. It never waits, so there is no event loop."""
    with suppress(StopIteration):
        app(scope, receive, send).send(None)  # type: ignore[attr-defined]
        raise AssertionError("the application waits")


def status_of(app: App, scope: Scope) -> int:
    """Run a request, and return the status of the response."""
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    with suppress(StopIteration):
        app(scope, receive, keep).send(None)  # type: ignore[attr-defined]
    return int(sent[0]["status"])


def tenant_scope(tenant: str) -> Scope:
    """Return the scope of a signed-in user of *tenant*."""
    scope = fresh_scope(SIGNED_IN)
    scope["tenant"] = tenant
    return scope


def token_scope(token: str, tenant: str | None = None) -> Scope:
    """Return the scope of a request that brings *token* for a tenant."""
    scope = fresh_scope(ANONYMOUS)
    scope["tenant"] = tenant
    scope["headers"] = [*scope["headers"], (b"x-customer-key", token.encode())]
    return scope


def secret_of(number: int) -> str:
    """Return the secret with a number."""
    return f"signing-secret-for-benchmarks-only-{number:07d}"


def token_of(secret: str, id: str = USER_ID) -> str:
    """Return Stigg's token of *id*."""
    return f"HMAC-SHA256 {id}:{hmac.digest(secret.encode(), id.encode(), 'sha256').hex()}"
