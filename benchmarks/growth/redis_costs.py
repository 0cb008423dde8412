"""The cost of one more of everything in Redis: what the model of a fleet adds up.

Commands and bytes are counts, the same in each run. The processor time is that of Redis's main
thread.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from io import BytesIO
from itertools import count, islice
from typing import NamedTuple

from benchmarks.asgi_peers import answer as answer_asgi
from benchmarks.growth.redis_server import Counters, Server
from benchmarks.growth.requests import answered, token_of, token_scope
from benchmarks.subject import KEYRING, SECRET, SECRET_TEXT
from benchmarks.wsgi_stack import answer, fresh_environ, start_response
from countermark import Keyring, Verifier
from countermark.asgi import VerifyingMiddleware
from countermark.redis import RedisStore
from countermark.rollout import Meter, set_mode
from countermark.verifying import Allowance, ModeSwitch
from countermark.webhooks import WebhookVerifier
from countermark.wsgi import VerifyingMiddleware as WSGIVerifyingMiddleware
from countermark.wsgi import WebhookMiddleware


class Cost(NamedTuple):
    """The cost of one.

    Attributes:
        commands: The commands that Redis executes, those within scripts included.
        seconds: The processor time of Redis's main thread.
        transferred: The bytes between the process and Redis, in both directions.
        stored: The bytes that stay in Redis; 0 if the same ones are written again.
    """

    commands: float
    seconds: float
    transferred: float
    stored: float


class Costs(NamedTuple):
    """The costs that the model adds up."""

    write: Cost
    group: Cost
    principal: Cost
    unsigned: Cost
    delivery: Cost
    poll: Cost
    connection: float


def measure(server: Server, *, quick: bool) -> Costs:
    """Measure all costs, on a server that has nothing else to do."""
    times = 20 if quick else 200
    people = 1_000 if quick else 10_000
    write = _of(server, times, _writes(server, groups=1))
    eleven = _of(server, times, _writes(server, groups=11))
    return Costs(
        write,
        _scaled(eleven, 1 / 10, less=write),
        _of(server, people, _principals(server)),
        _of(server, times * 5, _unsigned(server)),
        _of(server, times * 5, _deliveries(server)),
        _of(server, times * 5, _polls(server)),
        _connection(server),
    )


def _of(server: Server, times: int, run: Callable[[int], object]) -> Cost:
    """Return the cost of one of *times*, without the first one, which makes keys and connects.

    Of three runs the one with the least processor time counts, as for other benchmarks.
    """
    run(1)
    costs = []
    for _ in range(3):
        before, stored = server.counters(), server.memory()
        run(times)
        spent = server.counters() - before
        costs.append(_scaled(_cost(spent, server.memory() - stored), 1 / times))
    return min(costs, key=lambda cost: cost.seconds)


def _cost(spent: Counters, stored: int) -> Cost:
    return Cost(spent.commands, spent.seconds, spent.received + spent.sent, max(0, stored))


def _scaled(cost: Cost, factor: float, less: Cost | None = None) -> Cost:
    base = less or Cost(0, 0, 0, 0)
    return Cost(*(factor * (value - own) for value, own in zip(cost, base, strict=True)))


def _meter(server: Server, prefix: str) -> Meter:
    # The background thread does not write: the benchmark does.
    return Meter(store=RedisStore(server.url, prefix=prefix), interval=3600)


def _counted(meter: Meter, environment: str = "live") -> Callable[[str], None]:
    verifier = Verifier("stigg", KEYRING, environment=environment)
    app = VerifyingMiddleware(answer_asgi, verifier=verifier, mode="enforce", meter=meter)
    return lambda who: answered(app, token_scope(token_of(SECRET_TEXT, who)))


def _writes(server: Server, groups: int) -> Callable[[int], object]:
    """Return writes of a request in each of *groups* environments, of known principals."""
    meter = _meter(server, f"groups-{groups}:")
    requests = [_counted(meter, f"environment-{number}") for number in range(groups)]

    def run(times: int) -> None:
        for _ in range(times):
            for request in requests:
                request("customer")
            assert meter.flush()

    return run


def _principals(server: Server) -> Callable[[int], object]:
    """Return one write of as many principals as are asked for."""
    meter = _meter(server, "principals:")
    request, numbers = _counted(meter), count()

    def run(times: int) -> None:
        for number in islice(numbers, times):
            request(f"customer-{number}")
        assert meter.flush()

    return run


def _unsigned(server: Server) -> Callable[[int], object]:
    """Return requests without a token, of sessions that the allowance has counted."""
    store = RedisStore(server.url, prefix="allowance:")
    allowance = Allowance(1_000, session=lambda environ: "session", store=store)
    verifier = Verifier("stigg", KEYRING)
    app = WSGIVerifyingMiddleware(answer, verifier=verifier, mode="enforce", allowance=allowance)

    def run(times: int) -> None:
        for _ in range(times):
            assert list(app(fresh_environ(""), start_response)) == [b"ok"]

    return run


def _deliveries(server: Server) -> Callable[[int], object]:
    """Return deliveries of webhooks, each new."""
    store = RedisStore(server.url, prefix="deliveries:")
    verifier = WebhookVerifier("github", Keyring(SECRET_TEXT))
    app = WebhookMiddleware(answer, verifier=verifier, store=store)
    body = b"{}"
    numbers = count()
    signature = f"sha256={hmac.digest(SECRET, body, 'sha256').hex()}"

    def run(times: int) -> None:
        for number in islice(numbers, times):
            environ = fresh_environ("") | {
                "REQUEST_METHOD": "POST",
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_X_HUB_SIGNATURE_256": signature,
                "HTTP_X_GITHUB_DELIVERY": f"delivery-{number}",
                "wsgi.input": BytesIO(body),
            }
            assert list(app(environ, start_response)) == [b"ok"]

    return run


def _polls(server: Server) -> Callable[[int], object]:
    """Return reads of a mode that has not changed."""
    store = RedisStore(server.url, prefix="modes:")
    set_mode(store, "stigg", "monitor", by="benchmark")
    switch = ModeSwitch(store, "stigg", interval=60)

    def run(times: int) -> None:
        for _ in range(times):
            switch._read()  # noqa: SLF001  # what the background thread calls

    return run


def _connection(server: Server) -> float:
    """Return the bytes that one connection takes in Redis."""
    stores = [RedisStore(server.url) for _ in range(20)]
    before = server.memory()
    for store in stores:
        store.ask(lambda client: client.ping())
    return (server.memory() - before) / len(stores)
