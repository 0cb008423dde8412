"""How a store finds the server of a key: what it knows, looks up again, and waits for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
import redis
import redis.asyncio

from countermark import StoreUnavailable
from countermark.redis import RedisStore
from countermark.redis._directory import BySlot
from countermark.redis._servers import Servers

URL = "redis+cluster://one:1"
Answer = Callable[..., Any]


class Network:
    """A Cluster whose nodes say what a test lets them say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Any] = []
        #: The rows of the table of slots, or an error.
        self.table: Any = [(0, 16383, "a")]
        #: The answers of servers, or their errors.
        self.answers: dict[str, Any] = {"a": 1, "b": 2}
        monkeypatch.setattr(BySlot, "_read", lambda directory, node: self._read())
        monkeypatch.setattr(
            Servers, "exchange", lambda servers, address, commands: self._exchange(address)
        )

    def _read(self) -> Any:
        if isinstance(self.table, Exception):
            raise self.table
        rows = self.table
        return [row[0] for row in rows], [(last, (name, 1)) for _, last, name in rows]

    def _exchange(self, address: Any) -> tuple[Any, bool]:
        if address[0] not in self.answers:  # a job in the background, which another test began
            raise redis.ConnectionError
        self.asked.append(address[0])
        answer = self.answers[address[0]]
        if isinstance(answer, Exception):
            raise answer
        return answer, True


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


def run(store: RedisStore) -> Any:
    return store.run("", ["key"])


def fails(store: RedisStore) -> str:
    with pytest.raises(StoreUnavailable) as raised:
        run(store)
    return raised.value.kind


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_without_an_answer_of_any_node_there_is_a_pause(network: Network) -> None:
    store = RedisStore(URL, pause=3600, timeout=5)
    network.table = redis.ConnectionError("password")
    assert [fails(store), fails(store)] == ["ConnectionError"] * 2
    network.table = [(0, 16383, "a")]
    with pytest.raises(StoreUnavailable, match="a moment ago"):
        run(store)


def test_a_lookup_that_is_slow_at_first_is_waited_for_as_long_as_for_an_answer(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = Event()
    monkeypatch.setattr(BySlot, "_read", lambda *_: free.wait(20) and network._read())
    store = RedisStore(URL, timeout=0.05, pause=3600)
    assert fails(store) == "TimeoutError"
    free.set()
    # What it finds is used, also during the pause.
    until(lambda: store._network.directory.known)
    assert run(store) == 1


def test_a_thread_that_the_system_refuses_is_tried_again(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RedisStore(URL, pause=0, timeout=5)

    def refuse(thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", refuse)
        assert fails(store) == "RuntimeError"
    assert run(store) == 1


def test_a_request_without_a_connection_ends_no_pause(network: Network) -> None:
    seconds = [0.0]
    store = RedisStore(URL, pause=10, timeout=5, clock=lambda: seconds[0])
    network.answers["a"] = redis.TimeoutError()
    assert fails(store) == "TimeoutError"
    seconds[0] += 20
    network.answers["a"] = redis.exceptions.MaxConnectionsError()
    assert fails(store) == "MaxConnectionsError"
    with pytest.raises(StoreUnavailable, match="a moment ago"):
        run(store)


def test_a_slot_without_a_server_is_unavailable_until_it_has_one(network: Network) -> None:
    store = RedisStore(URL, timeout=5, pause=3600)
    network.table = [(0, 5, "a"), (16380, 16383, "b")]
    assert [fails(store), fails(store)] == ["SlotNotCoveredError"] * 2
    network.table = [(0, 16383, "a")]
    until(lambda: fails_or_answers(store) == 1)


def fails_or_answers(store: RedisStore) -> Any:
    try:
        return run(store)
    except StoreUnavailable as error:
        return error.kind


def test_the_pause_of_one_server_does_not_concern_the_one_that_takes_its_place(
    network: Network,
) -> None:
    store = RedisStore(URL, timeout=5, pause=3600)
    network.answers["a"] = redis.ConnectionError()
    network.table = [(0, 16383, "a")]
    assert fails(store) == "ConnectionError"
    network.table = [(0, 16383, "b")]
    until(lambda: fails_or_answers(store) == 2)
    assert network.asked == ["a", "b"]


def test_a_failed_lookup_leaves_what_was_known(network: Network) -> None:
    store = RedisStore(URL, timeout=5, pause=0)
    assert run(store) == 1
    network.table = redis.ConnectionError()
    network.answers["a"] = redis.exceptions.ClusterDownError("CLUSTERDOWN")
    for _ in range(3):
        assert fails(store) == "ClusterDownError"
        time.sleep(0.3)
    network.answers["a"] = 3
    assert run(store) == 3


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (redis.exceptions.MovedError("1 b:1"), ["a", "b"]),
        (redis.exceptions.AskError("1 b:1"), ["a", "b"]),
        (redis.exceptions.MovedError("1 :1"), ["a"] * 5),
        (redis.exceptions.TryAgainError("TRYAGAIN"), ["a"] * 5),
        # Redis 6.2 on a replica.
        (redis.ResponseError("Error running script: @user_script: 1: -READONLY You"), ["a"] * 5),
        (redis.ResponseError("another"), ["a"]),
        (redis.exceptions.OutOfMemoryError("OOM"), ["a"]),
        (redis.TimeoutError(), ["a"]),
        (redis.ConnectionError(), ["a"]),
    ],
)
def test_a_script_is_sent_again_only_if_it_did_not_run(
    network: Network, error: Exception, asked: list[str]
) -> None:
    store = RedisStore(URL, timeout=5)
    network.answers["a"] = error
    if asked[-1] == "b":
        assert run(store) == 2
    else:
        assert fails(store) == type(error).__name__
    assert network.asked == asked


def test_the_address_of_a_redirection_is_remapped_as_by_the_client(network: Network) -> None:
    client: Any = redis.asyncio.RedisCluster(
        "one", 1, address_remap=lambda address: (address[0].removeprefix("inner-"), address[1])
    )
    store = RedisStore(client=client, timeout=5)
    network.answers["a"] = redis.exceptions.AskError("1 inner-b:1")
    assert run(store) == 2
    assert network.asked == ["a", "b"]


def test_the_pauses_of_servers_that_have_gone_are_forgotten(network: Network) -> None:
    store = RedisStore(URL, timeout=5, pause=3600)
    for number in range(5):
        name = f"server {number}"
        network.table, network.answers = [(0, 16383, name)], {name: number}
        store._network.directory._load()  # type: ignore[union-attr]
        assert run(store) == number
    assert store._network._circuits.keys() == {"the directory", ("server 4", 1)}


def test_a_slot_that_loses_its_server_meanwhile_is_unavailable(network: Network) -> None:
    store = RedisStore(URL, timeout=5)
    assert run(store) == 1
    store._network.directory._table = ([], [])  # type: ignore[union-attr]
    network.table = redis.ConnectionError()
    with pytest.raises(StoreUnavailable):
        run(store)


def test_a_slot_that_loses_its_server_while_it_moves_is_unavailable(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RedisStore(URL, timeout=5)
    assert run(store) == 1
    network.answers["a"] = redis.exceptions.TryAgainError("TRYAGAIN")
    found = iter([("a", 1)])
    monkeypatch.setattr(BySlot, "_find", lambda directory, key: next(found))
    assert fails(store) == "TryAgainError"


def test_after_a_fork_the_child_looks_up_for_itself(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = Event()
    monkeypatch.setattr(BySlot, "_read", lambda *_: free.wait(20) and network._read())
    store = RedisStore(URL, timeout=0.05, pause=0)
    assert fails(store) == "TimeoutError"
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a child, which has no other thread
    monkeypatch.setattr(BySlot, "_read", lambda *_: network._read())
    assert run(store) == 1
    free.set()
