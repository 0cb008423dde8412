"""A worker process of the fleet: it runs requests for as long as it is asked to.

Each line of its input is a kind of request and a number of seconds. The answer is a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import cycle, islice

from benchmarks.asgi_peers import answer as answer_asgi
from benchmarks.growth.requests import answered, token_of, token_scope
from benchmarks.subject import KEYRING, SECRET_TEXT
from benchmarks.wsgi_stack import answer, fresh_environ, start_response
from countermark import Verifier
from countermark.asgi import VerifyingMiddleware
from countermark.redis import RedisStore
from countermark.rollout import Meter
from countermark.verifying import Allowance
from countermark.wsgi import VerifyingMiddleware as WSGIVerifyingMiddleware

#: The principals of all workers.
PRINCIPALS = 1_000

#: Runs a number of requests.
Run = Callable[[int], object]


def main(url: str, meters: int, interval: float) -> None:
    """Serve until the input ends. With *meters*, this process stands for as many workers."""
    kinds = {
        "verified": _verified(url, interval),
        "unsigned": _unsigned(url),
        "metered": _metered(url, meters, interval),
    }
    print("ready", flush=True)
    for line in sys.stdin:
        kind, seconds = line.split()
        print(json.dumps(_during(float(seconds), *kinds[kind])), flush=True)


def _during(seconds: float, run: Run, finish: Callable[[], object]) -> dict[str, float]:
    requests, started, until = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until:
        run(10)
        requests += 10
    spent = time.process_time() - started
    finish()
    return {"requests": requests, "seconds": spent}


def _verified(url: str, interval: float) -> tuple[Run, Callable[[], object]]:
    """Return requests with a token, which a meter counts and writes in the background."""
    meter = Meter(store=RedisStore(url), interval=interval)
    app = VerifyingMiddleware(
        answer_asgi, verifier=Verifier("stigg", KEYRING), mode="enforce", meter=meter
    )
    tokens = cycle([token_of(SECRET_TEXT, f"customer-{number}") for number in range(PRINCIPALS)])

    def run(count: int) -> None:
        for token in islice(tokens, count):
            answered(app, token_scope(token))

    return run, meter.flush


def _unsigned(url: str) -> tuple[Run, Callable[[], object]]:
    """Return requests without a token, each of which asks the allowance."""
    sessions = cycle([f"session-{number}" for number in range(10)])
    allowance = Allowance(10, session=lambda environ: next(sessions), store=RedisStore(url))
    app = WSGIVerifyingMiddleware(
        answer, verifier=Verifier("stigg", KEYRING), mode="enforce", allowance=allowance
    )

    def run(count: int) -> None:
        for _ in range(count):
            app(fresh_environ(""), start_response)

    return run, lambda: None


def _metered(url: str, meters: int, interval: float) -> tuple[Run, Callable[[], object]]:
    """Return requests to each of many meters, which are as many workers to Redis."""
    token, verifier = token_of(SECRET_TEXT), Verifier("stigg", KEYRING)
    each = [Meter(store=RedisStore(url), interval=interval) for _ in range(meters)]
    apps = [
        VerifyingMiddleware(answer_asgi, verifier=verifier, mode="enforce", meter=meter)
        for meter in each
    ]

    def run(count: int) -> None:
        for app in apps:
            answered(app, token_scope(token))
        time.sleep(0.1)

    return run, lambda: None


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
