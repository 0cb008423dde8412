"""Many requests at once, some cancelled: each user only gets their own token."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio
import trio.lowlevel

from countermark import Keyring, Signer
from countermark import asgi as asgi_side
from countermark import wsgi as wsgi_side
from countermark.asgi import App, Message, Receive, Scope, Send
from tests.drivers import Environ, call, header, http_scope

SIGNER = Signer("stigg", Keyring("a-secret-of-the-tests-with-enough-bytes"))
REUSED = [(b"content-type", b"text/plain")]  # one list for all, as a module-level Response has
USERS = [f"user-{number}" for number in range(50)]
REQUESTS = 4000


def application(sleep: Any, chance: random.Random) -> App:
    """Return an application that reads its identity between pauses."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        identity = scope["state"]["countermark"]
        await sleep(chance.choice([0, 0, 0.0005]))
        if identity.needs_load:
            await identity.load()
        read = [identity["stigg"].token for _ in range(chance.randrange(3))]
        await sleep(chance.choice([0, 0, 0.0005]))
        await send({"type": "http.response.start", "status": 200, "headers": REUSED})
        await sleep(0)
        read.append(identity["stigg"].token)
        body = {"type": "http.response.body", "body": "".join(sorted(set(read))).encode()}
        await send(body)

    return app


async def one(app: App, user: str, sleep: Any) -> int:
    """Make one request of *user* and return the number of messages with their token."""
    mine = SIGNER.sign(user).encode()
    seen = 0

    async def send(message: Message) -> None:
        nonlocal seen
        await sleep(0)
        if message["type"] == "http.response.start":
            assert header(message, b"stigg-customer-token") == mine
        else:
            assert message["body"] == mine
        seen += 1

    async def receive() -> Message:
        return {"type": "http.request"}

    await app(http_scope(session={"user": user}), receive, send)
    return seen


@pytest.fixture(params=["a plain resolver", "an async resolver"])
def resolver(request: pytest.FixtureRequest) -> Any:
    def plain(scope: Scope) -> Any:
        return scope["session"]["user"]

    async def slow(scope: Scope) -> Any:
        await asyncio.sleep(0)
        return scope["session"]["user"]

    return slow if request.param == "an async resolver" else plain


@pytest.mark.asyncio
async def test_requests_on_asyncio_get_their_own_tokens(resolver: Any) -> None:
    chance = random.Random(20261122)
    app = asgi_side.SigningMiddleware(
        application(asyncio.sleep, chance), signers=SIGNER, principal=resolver
    )
    finished = cancelled = 0
    for _ in range(REQUESTS // 200):
        tasks = [
            asyncio.create_task(one(app, chance.choice(USERS), asyncio.sleep)) for _ in range(200)
        ]
        for task in tasks:
            if chance.random() < 0.2:
                asyncio.get_running_loop().call_later(chance.random() / 500, task.cancel)
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, asyncio.CancelledError):
                cancelled += 1
            else:
                assert result == 2
                finished += 1
    assert finished > REQUESTS / 2
    assert cancelled > 0
    assert REUSED == [(b"content-type", b"text/plain")]


def test_requests_on_trio_get_their_own_tokens() -> None:
    chance = random.Random(20261122)

    async def resolve(scope: Scope) -> Any:
        await trio.lowlevel.checkpoint()
        return scope["session"]["user"]

    app = asgi_side.SigningMiddleware(
        application(trio.sleep, chance), signers=SIGNER, principal=resolve
    )
    finished = cancelled = 0

    async def limited(user: str) -> None:
        nonlocal finished, cancelled
        with trio.move_on_after(chance.choice([0.001, 10, 10, 10, 10])) as limit:
            assert await one(app, user, trio.sleep) == 2
            finished += 1
        cancelled += limit.cancelled_caught

    async def main() -> None:
        for _ in range(10):
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(limited, chance.choice(USERS))

    trio.run(main)
    assert finished > 500
    assert cancelled > 0


def test_requests_in_threads_get_their_own_tokens() -> None:
    reused = [("Content-Type", "text/plain")]

    def page(environ: Environ, start_response: Any) -> list[bytes]:
        identity = environ[wsgi_side.IDENTITY_KEY]
        before = identity["stigg"].token
        start_response("200 OK", reused)
        return [before.encode(), identity["stigg"].token.encode()]

    app = wsgi_side.SigningMiddleware(
        page, signers=SIGNER, principal=lambda environ: environ["REMOTE_USER"]
    )

    def one(number: int) -> int:
        user = USERS[number % len(USERS)]
        mine = SIGNER.sign(user)
        result = call(app, REMOTE_USER=user)
        assert result.header("Stigg-Customer-Token") == mine
        assert list(result.body) == [mine.encode()] * 2
        return 1

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(one, range(REQUESTS))) == REQUESTS
    assert reused == [("Content-Type", "text/plain")]
