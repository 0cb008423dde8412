"""Many users at once, through the handlers that servers call: each gets their own token."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.frameworks.cases import Response, signers
from tests.frameworks.django_project import start
from tests.frameworks.driver_django import asgi, wsgi

start()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.test import override_settings  # noqa: E402

from tests.frameworks.django_project import settings  # noqa: E402

MIDDLEWARE = [f"{settings.PROJECT}.middleware.known_user", settings.MIDDLEWARE[-1]]
STIGG = signers()[0]
PATHS = ["/page", "/stream", "/plain", "/signatures"]
USERS = [None, *(f"user-{number}" for number in range(50))]
TOKENS = {user: STIGG.sign(user) for user in USERS if user}


def whose(number: int) -> tuple[str | None, str]:
    """Return user and path of a request: each user asks each path, neighbours differ."""
    return USERS[number % len(USERS)], PATHS[number // len(USERS) % len(PATHS)]


def wrong(user: str | None, path: str, response: Response) -> bool:
    mine = TOKENS.get(user or "")
    shown = [response.headers.get("stigg-customer-token") == mine]
    foreign = [token for token in TOKENS.values() if token in response.body and token != mine]
    if path != "/plain" and mine:
        shown.append(mine in response.body)
    return not all(shown) or bool(foreign)


def test_five_thousand_requests_over_threads() -> None:
    with override_settings(MIDDLEWARE=MIDDLEWARE):
        handler = WSGIHandler()

    def ask(number: int) -> bool:
        user, path = whose(number)
        return wrong(user, path, wsgi(handler, path, **{"tests.user": user}))

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(5_000))) == 0


def test_two_thousand_requests_in_one_event_loop() -> None:
    with override_settings(MIDDLEWARE=MIDDLEWARE):
        handler: Any = get_asgi_application()
    paths = {"/page": "/async", "/stream": "/async-stream"}

    async def ask(number: int) -> bool:
        user, path = whose(number)
        asked = paths.get(path, path)
        return wrong(user, path, await asgi(handler, asked, **{"tests.user": user}))

    async def run() -> int:
        found = 0
        for first in range(0, 2_000, 100):
            found += sum(await asyncio.gather(*map(ask, range(first, first + 100))))
        return found

    assert asyncio.run(run()) == 0
