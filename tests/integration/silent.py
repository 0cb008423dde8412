"""Servers on loopback that say nothing, and a watch over those who ask them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def mute() -> Iterator[int]:
    """Yield a port on which connections are accepted and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def blackhole() -> Iterator[int]:
    """Yield a port on which not even a connection comes about, as the backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = listener.getsockname()[1]
        for _ in range(16):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@contextlib.contextmanager
def saying(answer: bytes) -> Iterator[int]:
    """Yield a port on which each connection gets *answer*, and then its end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(20)


def outcome(what: Callable[[], T]) -> T:
    """Return or raise what *what* does; an assertion fails where it hangs."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append((what(), None))
        except Exception as error:
            results.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert results, "it hangs"
    result, error = results[0]
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]
