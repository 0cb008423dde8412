"""The allowance that many processes share: to the session, and through an outage."""

from __future__ import annotations

import multiprocessing
import random
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from itertools import count as counted
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from countermark import StoreUnavailable
from countermark.redis import RedisStore
from countermark.verifying import Allowance
from tests.integration.allowance_worker import key_of, prepare, run, run_through_an_outage
from tests.integration.redis_server import RedisServer
from tests.integration.silent import blackhole, mute, outcome
from tests.verifying.test_allowance import Compared

PROCESSES = 8


@contextmanager
def processes(number: int, parties: int) -> Iterator[tuple[ProcessPoolExecutor, Any]]:
    """Yield a pool of processes of their own, and the barrier that they begin at."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(parties)
    with ProcessPoolExecutor(number, context, prepare, (barrier,)) as pool:
        yield pool, barrier


def test_processes_together_get_exactly_the_allowance(redis_server: RedisServer) -> None:
    count, runs = 100, 5
    distinct = [f"distinct {number}" for number in range(runs)]
    shared = [f"shared {number}" for number in range(runs)]
    with processes(PROCESSES, PROCESSES) as (pool, _):
        futures = [
            pool.submit(
                run,
                redis_server.url,
                count,
                [(group, [f"{name} {key}" for key in range(60)]) for group in distinct]
                # Every session is requested by all of them, in an order of their own.
                + [(group, shuffled(160)) for group in shared]
                + [("none", [None] * 60)],
            )
            for name in range(PROCESSES)
        ]
        answers = [future.result(120) for future in futures]
    by_group = [[*chain.from_iterable(each)] for each in zip(*answers, strict=True)]
    for of_group in by_group[:runs]:
        assert sum(admitted for _, admitted in of_group) == count
    for of_group in by_group[runs : 2 * runs]:
        assert len({key for key, admitted in of_group if admitted}) == count
        assert len(set(of_group)) == 160, "a session got both answers"
    assert sum(admitted for _, admitted in by_group[-1]) == count


def shuffled(number: int) -> list[str]:
    keys = [f"session {key}" for key in range(number)]
    random.shuffle(keys)
    return keys


def test_what_was_counted_before_an_outage_counts_after_it(redis_server: RedisServer) -> None:
    count, number = 1000, 4
    with processes(number, number + 1) as (pool, barrier):
        futures = [
            pool.submit(run_through_an_outage, redis_server.url, count, str(name))
            for name in range(number)
        ]
        barrier.wait(60)
        wait_until_some_are_in(redis_server)
        redis_server.kill()
        barrier.wait(60)
        redis_server.start()
        outages = [future.result(120) for future in futures]
    assert [outage.answers_meanwhile for outage in outages] == [[]] * number
    assert sum(len(outage.let_in) for outage in outages) == count
    assert Allowance(count, store=RedisStore(redis_server.url)).left("g") == 0


def wait_until_some_are_in(server: RedisServer) -> None:
    client: Any = server.client()
    for _ in range(2000):
        if any(client.hlen(key) > 20 for key in client.keys("*:allowance")):
            return
        time.sleep(0.001)
    raise AssertionError("nobody came")


def test_threads_of_one_worker_get_exactly_the_allowance(redis_server: RedisServer) -> None:
    allowance = Allowance(50, session=key_of, store=RedisStore(redis_server.url, timeout=20))
    keys = [f"{number % 80}" for number in range(320)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda key: (key, allowance.admit("g", key)), keys))
    assert len({key for key, admitted in answers if admitted}) == 50
    assert len(set(answers)) == 80


def test_the_answers_are_those_of_the_naive_one(redis_server: RedisServer) -> None:
    prefixes = counted()

    class ComparedInRedis(Compared):
        def made(self, count: int) -> Allowance:
            store = RedisStore(redis_server.url, prefix=f"{next(prefixes)}:", timeout=20)
            return Allowance(count, session=key_of, store=store)

    run_state_machine_as_test(
        ComparedInRedis, settings=settings(max_examples=30, stateful_step_count=20, deadline=None)
    )


def test_two_workers_see_one_count_and_a_lower_one_takes_nothing_back(
    redis_server: RedisServer,
) -> None:
    store = RedisStore(redis_server.url, timeout=20)
    first, second = (Allowance(3, session=key_of, store=store) for _ in range(2))
    assert [first.admit("g", key) for key in "ab"] == [True, True]
    assert (second.left("g"), second.admit("g", "c"), first.left("g")) == (1, True, 0)
    lower = Allowance(1, session=key_of, store=store)
    assert ([lower.admit("g", key) for key in "abcd"], lower.left("g")) == ([True] * 3 + [False], 0)
    higher = Allowance(4, session=key_of, store=store)
    assert (higher.left("g"), higher.admit("g", "d"), higher.admit("g", "e")) == (1, True, False)


def test_the_script_is_sent_again_where_redis_has_forgotten_it(redis_server: RedisServer) -> None:
    allowance = Allowance(2, session=key_of, store=RedisStore(redis_server.url, timeout=20))
    assert allowance.admit("g", "a")
    redis_server.client().script_flush()
    assert allowance.admit("g", "b")
    assert not allowance.admit("g", "c")


def test_redis_holds_hashes_for_good_and_as_few_as_are_allowed(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, prefix="rollout-2:", timeout=20)
    allowance = Allowance(3, session=lambda source: source, store=store)
    for key in ["session-cookie", "\ud800" * 5000, None, None, "late"]:
        allowance.admit("tenant-of-the-tests\n\ud800", key)
    client: Any = redis_server.client()
    [key] = client.keys()
    assert re.fullmatch("rollout-2:{[0-9a-f]{64}}:allowance", key)
    assert [(len(name), state) for name, state in client.hgetall(key).items()] == [
        (64, "confirmed")
    ] * 3
    assert client.ttl(key) == -1


def test_a_key_of_another_kind_stops_its_own_group_alone(redis_server: RedisServer) -> None:
    allowance = Allowance(1, session=key_of, store=RedisStore(redis_server.url, timeout=20))
    assert allowance.admit("g", "a")
    client: Any = redis_server.client()
    [key] = client.keys()
    client.set(key, "no set")
    with pytest.raises(StoreUnavailable):
        allowance.admit("g", "a")
    with pytest.raises(StoreUnavailable):
        allowance.left("g")
    assert allowance.admit("another", "a")


@pytest.mark.parametrize("server", [mute, blackhole])
def test_a_silent_server_does_not_block_requests(
    server: Callable[[], AbstractContextManager[int]],
) -> None:
    with server() as port:
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout=0.1, pause=0)
        allowance = Allowance(5, session=key_of, store=store, when_unavailable="fail_open")
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                outcome(lambda: allowance.admit("g", "a"))
            with pytest.raises(StoreUnavailable):
                outcome(lambda: allowance.left("g"))
