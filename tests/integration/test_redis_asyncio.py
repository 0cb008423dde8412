"""The asynchronous side of the Redis store: cancellations, event loops, and trio."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import anyio
import pytest
import trio

from countermark import StoreUnavailable
from countermark.redis import RedisStore
from tests.integration.redis_access import TlsServer
from tests.integration.redis_cluster import ClusterGroup
from tests.integration.redis_server import RedisServer
from tests.integration.silent import blackhole, mute, outcome
from tests.integration.tcp_proxy import TcpProxy, proxied

ECHO = "return {ARGV[1], redis.call('INCR', KEYS[1])}"


def collect_earlier_clients() -> None:
    """Close the connections of clients of the test, which the server would count."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


async def until_the_only_one(client: Any) -> None:
    """Wait until the server has no other connection than that of *client*."""
    for _ in range(500):
        if len(client.client_list()) == 1:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a connection is still open")


async def echo(store: RedisStore, text: str) -> None:
    answer = await store.arun(ECHO, [store.key("g", "echoed")], [text])
    assert answer[0] == text


def test_a_crowd_of_requests_is_no_failure_of_the_server(redis_server: RedisServer) -> None:
    """Otherwise anyone could start the pause, in which ``fail_open`` allows all."""
    url = f"{redis_server.url}?max_connections=1"
    store = RedisStore(url, timeout=0.5, pause=3600, replicas=1)
    key = store.key("g", "echoed")

    async def main() -> list[str]:
        # There is no replica, so each of them has the connection for half of the timeout.
        calls = [store.arun(ECHO, [key], [str(n)], durable=[str(n), n + 1]) for n in range(6)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert (await store.arun(ECHO, [key], ["later"]))[0] == "later"
        return [getattr(error, "kind", "none") for error in found]

    kinds = asyncio.run(main())
    assert set(kinds) == {"NotAcknowledged", "MaxConnectionsError"}
    store.close()


def test_a_cancelled_call_leaves_no_answer_for_the_next_one(proxy: TcpProxy) -> None:
    proxy.delay = 0.002
    store = RedisStore(f"redis://127.0.0.1:{proxy.port}?max_connections=5", timeout=20)

    async def main() -> None:
        await echo(store, "first")
        for number in range(20):
            tasks = [asyncio.create_task(echo(store, f"{number} {each}")) for each in range(10)]
            await asyncio.sleep(random.random() * 0.006)
            cancelled = [task for task in tasks if random.random() < 0.5]
            for task in cancelled:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert {str(each) for each in done if each is not None} <= {""}, done
        for number in range(10):
            await echo(store, f"last {number}")

    asyncio.run(main())


def test_scopes_of_anyio_that_are_cancelled_give_connections_back(proxy: TcpProxy) -> None:
    """They cancel each await, also those of the cleaning up."""
    proxy.delay = 0.002
    store = RedisStore(f"redis://127.0.0.1:{proxy.port}?max_connections=2", timeout=20)

    async def main() -> None:
        await echo(store, "first")
        for number in range(20):
            async with anyio.create_task_group() as group:
                for each in range(6):
                    group.start_soon(echo, store, f"{number} {each}")
                await anyio.sleep(random.random() * 0.006)
                group.cancel_scope.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(*(echo(store, f"last {number}") for number in range(6)))

    asyncio.run(main())


def test_a_call_that_is_too_late_leaves_no_answer_for_the_next_one(proxy: TcpProxy) -> None:
    store = RedisStore(f"redis://127.0.0.1:{proxy.port}", timeout=0.2, pause=0)

    async def main() -> None:
        await echo(store, "first")
        proxy.delay = 0.4
        for number in range(2):
            with pytest.raises(StoreUnavailable, match="TimeoutError"):
                await echo(store, f"late {number}")
        proxy.delay = 0
        for number in range(5):
            await echo(store, f"in time {number}")

    asyncio.run(main())


@pytest.mark.parametrize("server", [mute, blackhole])
def test_a_silent_server_causes_a_timeout_and_a_pause(
    server: Callable[[], AbstractContextManager[int]],
) -> None:
    with server() as port:
        store = RedisStore(f"redis://:password@127.0.0.1:{port}/1", timeout=0.1, pause=3600)

        async def main() -> None:
            with pytest.raises(StoreUnavailable, match="TimeoutError") as raised:
                await echo(store, "a")
            assert raised.value.__cause__ is raised.value.__context__ is None
            with pytest.raises(StoreUnavailable, match="a moment ago"):
                await echo(store, "b")

        outcome(lambda: asyncio.run(main()))


def test_event_loops_have_connections_of_their_own_and_close_them(
    redis_server: RedisServer, recwarn: pytest.WarningsRecorder
) -> None:
    collect_earlier_clients()
    warnings.simplefilter("always")
    store = RedisStore(redis_server.url, timeout=20)

    async def main() -> None:
        await asyncio.gather(*(echo(store, f"{number}") for number in range(20)))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    asyncio.run(main())
    client: Any = redis_server.client()
    assert client.get(store.key("g", "echoed")) == "80"
    assert len(client.client_list()) == 1
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


def test_connections_with_tls_close_although_the_server_is_silent(
    tls_server: TlsServer, recwarn: pytest.WarningsRecorder
) -> None:
    collect_earlier_clients()
    warnings.simplefilter("always")
    with proxied(tls_server.port) as proxy:
        url = tls_server.url.replace(f":{tls_server.port}", f":{proxy.port}")
        store = RedisStore(url, prefix="silent:", timeout=20)

        async def main() -> None:
            await asyncio.gather(*(echo(store, f"{number}") for number in range(3)))
            proxy.stall()

        asyncio.run(main())
        gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


def test_the_connection_of_a_server_that_is_gone_meanwhile_is_closed(
    redis_server: RedisServer, recwarn: pytest.WarningsRecorder
) -> None:
    collect_earlier_clients()
    warnings.simplefilter("always")
    with proxied(redis_server.port, delay=0.3) as old:
        store = RedisStore(f"redis://127.0.0.1:{old.port}", timeout=20)

        async def main() -> None:
            slow = asyncio.create_task(echo(store, "slow"))
            await asyncio.sleep(0.1)
            directory: Any = store._network.directory
            directory._address = ("127.0.0.1", redis_server.port)
            await echo(store, "at the new server")
            await slow
            del slow
            gc.collect()

        asyncio.run(main())
    assert [str(warning.message) for warning in recwarn] == []


def test_an_unreferenced_store_closes_its_connections(
    redis_server: RedisServer, recwarn: pytest.WarningsRecorder
) -> None:
    warnings.simplefilter("always")
    collect_earlier_clients()
    client: Any = redis_server.client()

    async def main() -> None:
        await echo(RedisStore(redis_server.url, timeout=20), "a")
        gc.collect()
        await until_the_only_one(client)

    asyncio.run(main())
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_connection_that_is_collected_first_is_closed(
    redis_server: RedisServer, in_thread: bool
) -> None:
    collect_earlier_clients()
    client: Any = redis_server.client()

    async def main() -> None:
        store = RedisStore(redis_server.url, timeout=20)
        await echo(store, "a")
        [pools] = store._async_servers._pools.values()
        [connection] = pools.connections
        # As the collector does, in an order that nothing can choose.
        if in_thread:
            await asyncio.to_thread(connection.__del__)
        else:
            connection.__del__()
        await until_the_only_one(client)

    asyncio.run(main())


def test_connections_can_be_closed_before_the_end_of_the_event_loop(
    redis_server: RedisServer,
) -> None:
    collect_earlier_clients()
    client: Any = redis_server.client()

    async def main() -> None:
        store = RedisStore(redis_server.url, timeout=20)
        await store.aclose()
        await echo(store, "a")
        await store.aclose()
        await until_the_only_one(client)
        await echo(store, "b")

    asyncio.run(main())


def test_a_restarted_server_is_used_again(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, timeout=10, pause=0)

    async def main() -> None:
        await echo(store, "a")
        redis_server.kill()
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="ConnectionError"):
                await echo(store, "b")
        redis_server.start()
        await echo(store, "c")  # the script is sent again too

    asyncio.run(main())


def test_trio_waits_in_a_thread(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, timeout=20)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(echo, store, f"{number}")

    trio.run(main)
    store.close()


def test_a_slot_that_is_moved_is_followed(redis_cluster: ClusterGroup) -> None:
    store = RedisStore(redis_cluster.url, prefix="asyncio:", timeout=5)
    key = store.key("g", "echoed")

    async def main() -> None:
        await echo(store, "a")
        source = redis_cluster.primary_of(key)
        target = next(node for node in redis_cluster.nodes[:3] if node is not source)
        redis_cluster.begin_move(key, target)
        await echo(store, "while the key has not moved")
        redis_cluster.move_keys(key, source, target)
        await echo(store, "while the key has moved and the slot has not")
        redis_cluster.end_move(key, target)
        for number in range(5):
            await echo(store, f"afterwards {number}")

    asyncio.run(main())
    redis_cluster.wait_until_ready()
