"""Fixtures of the tests of the ASGI signing middleware."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import trio

from countermark import Signer
from countermark.asgi import App, SigningMiddleware
from tests.asgi.samples import USER, Wrap
from tests.conftest import Events


@pytest.fixture
def wrap(stigg: Signer, events: Events) -> Wrap:
    """Return the middleware around an application, for one user."""

    def wrap(app: App, principal: Any = USER, **options: Any) -> SigningMiddleware:
        resolver = principal if callable(principal) else lambda scope: principal
        options.setdefault("signers", stigg)
        options.setdefault("on_event", events)
        return SigningMiddleware(app, principal=resolver, **options)

    return wrap


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Run a coroutine function in each of the event loops."""
    if request.param == "trio":
        return trio.run
    return lambda function, *arguments: asyncio.run(function(*arguments))
