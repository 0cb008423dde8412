"""An allowance is never exceeded, although a primary dies with writes that no replica has."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import anyio
import pytest

from countermark import StoreUnavailable
from countermark.redis import NotAcknowledged, RedisStore
from countermark.verifying import Allowance
from countermark.verifying._allowance import _hash
from tests.integration.allowance_worker import key_of, run_through_a_failover
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_server import RedisServer, wait_until
from tests.integration.test_allowance_redis import PROCESSES, processes

COUNT = 100


def cut_off_replicas(primary: RedisServer) -> None:
    """Let no write of *primary* reach a replica from now on."""
    client: Any = primary.client()
    client.execute_command("ACL SETUSER default -psync -sync")

    def is_alone() -> bool:
        client.execute_command("CLIENT KILL TYPE replica")  # one that was about to connect too
        return not client.role()[2]

    wait_until(is_alone, "a primary without replicas", 60)


def test_a_failover_of_a_cluster_under_8_processes_does_not_exceed_it(
    redis_cluster: ClusterGroup,
) -> None:
    """The primary loses its replica, takes writes meanwhile, and dies."""
    cluster, prefix = redis_cluster, "failover:"
    store = RedisStore(cluster.url, prefix=prefix, timeout=5)
    key = store.key(_hash("g"), "allowance")
    with processes(PROCESSES, PROCESSES + 1) as (pool, barrier):
        futures = [
            pool.submit(run_through_a_failover, cluster.url, prefix, COUNT, str(name))
            for name in range(PROCESSES)
        ]
        barrier.wait(60)
        primary = cluster.primary_of(key)
        client: Any = primary.client()
        wait_until(lambda: client.hlen(key) >= 30, "some sessions", 30)
        cut_off_replicas(primary)
        time.sleep(0.3)
        primary.kill()
        cluster.wait_for_another_primary(key, primary)
        primary.start()
        cluster.wait_until_ready()
        let_in = [future.result(120) for future in futures]
    assert Allowance(COUNT, store=store).left("g") == 0
    store.close()
    assert sum(map(len, let_in)) == COUNT


def test_without_replicas_only_confirmed_sessions_are_allowed(
    redis_cluster: ClusterGroup,
) -> None:
    store = RedisStore(redis_cluster.url, prefix="alone:", timeout=0.5)
    allowance = Allowance(2, session=key_of, store=store)
    assert allowance.admit("g", "before")
    key = store.key(_hash("g"), "allowance")
    primary = redis_cluster.primary_of(key)
    replica = redis_cluster.replica_of(primary)
    client: Any = primary.client()
    replica.freeze()
    try:
        for name in ("new", "new", "late"):
            with pytest.raises(NotAcknowledged):
                allowance.admit("g", name)
            assert allowance.admit("g", "before")
        assert client.hvals(key) == ["confirmed"], "a refused session took a place"
    finally:
        replica.thaw()
    wait_until(lambda: is_admitted(allowance, "new"), "a replica that acknowledges", 20)
    assert not allowance.admit("g", "late")
    assert client.hvals(key) == ["confirmed"] * 2
    store.close()


def is_admitted(allowance: Allowance, key: str) -> bool:
    with contextlib.suppress(StoreUnavailable):
        return allowance.admit("g", key)
    return False


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_event_loops_count_as_threads_do(redis_cluster: ClusterGroup, backend: str) -> None:
    store = RedisStore(redis_cluster.url, prefix=f"{backend}:", timeout=5)
    allowance = Allowance(5, session=key_of, store=store)
    answers: list[tuple[str, bool]] = []

    async def ask(key: str) -> None:
        answers.append((key, await allowance.aadmit("g", key)))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(ask, str(number % 8))

    anyio.run(main, backend=backend)
    assert len({key for key, admitted in answers if admitted}) == 5
    assert len(set(answers)) == 8, "a session got both answers"
    assert allowance.left("g") == 0
    assert allowance.admit("g", next(key for key, admitted in answers if admitted))
    store.close()
