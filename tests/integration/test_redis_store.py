"""The Redis store with servers that answer, are silent, or are killed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import subprocess
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
import redis

from countermark import StoreUnavailable
from countermark.redis import RedisStore
from tests.integration.redis_access import TlsServer
from tests.integration.redis_server import RedisServer
from tests.integration.servers import free_port, python
from tests.integration.silent import blackhole, mute, outcome, saying

FORKING = """
import os, sys
from countermark.redis import RedisStore
store = RedisStore(sys.argv[1], timeout=10)
store.ask(lambda client: client.ping())
child = os.fork()
me = "parent" if child else "child"
for number in range(300):
    text = f"{me} {number}"
    assert store.ask(lambda client: client.echo(text)) == text
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("both got their own answers")
"""


def test_a_command_returns_the_answer_of_the_server(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, prefix="p:")
    assert store.ask(lambda client: client.set(f"{store.prefix}a", "ü"))
    assert store.ask(lambda client: client.get(f"{store.prefix}a")) == "ü"
    assert redis_server.client().keys() == ["p:a"]


@pytest.mark.parametrize("server", [mute, blackhole])
def test_a_silent_server_causes_a_timeout_and_a_pause(
    server: Callable[[], AbstractContextManager[int]],
) -> None:
    with server() as port:
        store = RedisStore(f"redis://:password@127.0.0.1:{port}/1", timeout=0.1, pause=3600)
        with pytest.raises(StoreUnavailable, match="TimeoutError"):
            outcome(lambda: store.ask(lambda client: client.get("a")))
        with pytest.raises(StoreUnavailable, match="a moment ago"):
            outcome(lambda: store.ask(lambda client: client.get("a")))


def test_an_unreferenced_store_closes_its_connections(
    redis_server: RedisServer, recwarn: pytest.WarningsRecorder
) -> None:
    """Also in a cycle, where the garbage collector may finalize the socket first."""
    for _ in range(20):
        circle: list[object] = [RedisStore(redis_server.url)]
        circle[0].ask(lambda client: client.ping())  # type: ignore[attr-defined]
        circle.append(circle)
    del circle
    warnings.simplefilter("always")
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize("answer", [b"", b"+OK", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$-7\r\n"])
def test_a_server_other_than_redis_is_unavailable(answer: bytes) -> None:
    with saying(answer) as port:
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout=1, pause=0)
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                outcome(lambda: store.ask(lambda client: client.get("a")))


@pytest.mark.parametrize(
    "url", [f"redis://127.0.0.1:{free_port()}", "unix:///nowhere/redis.sock", "redis://a..b"]
)
def test_a_store_without_a_server_is_unavailable(url: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"ConnectionError|Unicode(Encode)?Error"):
        outcome(lambda: RedisStore(url).ask(lambda client: client.get("a")))


def test_a_password_is_used_and_not_shown(redis_server: RedisServer) -> None:
    redis_server.client().config_set("requirepass", "good-password")
    host = redis_server.url.removeprefix("redis://")
    assert RedisStore(f"redis://:good-password@{host}").ask(lambda client: client.ping())
    with pytest.raises(StoreUnavailable, match=r"asking Redis failed: AuthenticationError$"):
        RedisStore(f"redis://:bad-password@{host}").ask(lambda client: client.ping())


def test_a_late_answer_is_not_taken_for_the_next_one(redis_server: RedisServer) -> None:
    server = redis_server.client()
    server.set("b", "of b")
    store = RedisStore(redis_server.url, timeout=0.2, pause=0)
    store.ask(lambda client: client.ping())
    server.client_pause(20_000, all=False)  # writes have to wait
    with pytest.raises(StoreUnavailable, match="TimeoutError"):
        store.ask(lambda client: client.incr("a"))
    with pytest.raises(StoreUnavailable, match="TimeoutError"):
        store.run("return redis.call('INCR', KEYS[1])", ["a"])
    server.client_unpause()
    assert [store.ask(lambda client: client.get("b")) for _ in range(3)] == ["of b"] * 3
    assert store.run("return redis.call('GET', KEYS[1])", ["b"]) == "of b"


def test_invalid_utf_8_is_an_error_that_does_not_affect_the_next_answer(
    redis_server: RedisServer,
) -> None:
    server = redis_server.client()
    server.rpush("odd", b"\xff", "second", "third")
    server.set("even", "answer")
    store = RedisStore(redis_server.url)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="UnicodeDecodeError"):
            store.ask(lambda client: client.lrange("odd", 0, -1))
        assert store.ask(lambda client: client.get("even")) == "answer"


def test_threads_get_their_own_answers(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, timeout=10)

    def ask(number: int) -> bool:
        texts = [f"{number} {index}" for index in range(50)]
        return [store.ask(partial(redis.Redis.echo, value=text)) for text in texts] == texts

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(16)))


def test_after_a_fork_both_processes_get_their_own_answers(redis_server: RedisServer) -> None:
    ran = subprocess.run(
        python("-c", FORKING, redis_server.url),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.stdout.strip(), ran.stderr) == ("both got their own answers", "")


def test_a_restarted_server_is_used_again(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, timeout=10, pause=0)
    store.ask(lambda client: client.set("a", "kept"))
    redis_server.kill()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="ConnectionError"):
            outcome(lambda: store.ask(lambda client: client.get("a")))
    redis_server.start()
    assert store.ask(lambda client: client.get("a")) == "kept"


def test_threads_do_not_wait_for_each_other_while_the_server_is_silent() -> None:
    with mute() as port:
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout=0.1, pause=3600)

        def ask(number: int) -> int:
            with contextlib.suppress(StoreUnavailable):
                store.ask(lambda client: client.get("a"))
                return 0
            return 1

        with ThreadPoolExecutor(8) as pool:
            assert outcome(lambda: sum(pool.map(ask, range(200)))) == 200


# Names


def test_a_lookup_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()

    def hang(*args: Any, **options: Any) -> Any:
        if options.get("flags"):
            raise socket.gaierror
        free.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    store = RedisStore("redis://redis.example:1", timeout=0.1, pause=0)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="TimeoutError"):
            outcome(lambda: store.run("return 1", ["a"]))
    free.set()


def named(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> None:
    """Give names in the domain ``example`` these addresses."""
    lookup = socket.getaddrinfo

    def found(host: Any, *args: Any, **options: Any) -> Any:
        name = (host.decode() if isinstance(host, bytes) else host).removesuffix(".example")
        if name == host:
            return lookup(host, *args, **options)
        if options.get("flags", 0) & socket.AI_NUMERICHOST or name not in names:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [each for address in names[name] for each in lookup(address, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_the_addresses_of_a_name_are_tried_in_turn(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(monkeypatch, two=["127.0.0.2", "127.0.0.1"], none=["127.0.0.2", "127.0.0.3"])
    port = redis_server.port
    assert RedisStore(f"redis://two.example:{port}", timeout=5).run("return 1", ["a"]) == 1
    for name in ("none", "unknown"):
        store = RedisStore(f"redis://{name}.example:{port}", timeout=5)
        with pytest.raises(StoreUnavailable, match="ConnectionError"):
            store.run("return 1", ["a"])


def test_tls_checks_the_certificate_for_the_name(
    tls_server: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(monkeypatch, other=["127.0.0.1"])
    assert RedisStore(tls_server.url, timeout=5).run("return 1", ["a"]) == 1
    store = RedisStore(tls_server.url.replace("localhost", "other.example"), timeout=5, pause=0)
    with pytest.raises(StoreUnavailable, match="ConnectionError"):
        store.run("return 1", ["a"])
    with pytest.raises(StoreUnavailable, match=r"ConnectionError|SSLCertVerificationError"):
        asyncio.run(store.arun("return 1", ["a"]))
