"""A TCP proxy on loopback that delays answers, stalls, drops connections and loses answers.

It imports the standard library only, so that benchmarks can use it as well. In a process of its
own it takes no time of the interpreter that is measured:

    python -m tests.integration.tcp_proxy TARGET_PORT DELAY_IN_SECONDS   # prints its port
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TcpProxy:
    """Passes connections on to a port, and can be switched while it runs.

    All methods can be called from any thread.

    Attributes:
        port: Where it listens.
        delay: The seconds by which each answer of the target is late; change it at any time.
            Timers of the event loop round up to the next millisecond.
    """

    def __init__(self, target_port: int, delay: float = 0.0) -> None:
        self.port = 0
        self.delay = delay
        self._target = target_port
        self._flowing = asyncio.Event()
        self._refusing = self._losing = False
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._server = self._run(self._listen())

    async def _listen(self) -> asyncio.Server:
        self._flowing.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def stop(self) -> None:
        """Close all, and free the port."""

        async def close() -> None:
            self._server.close()
            await self._close_connections()

        self._run(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    def stall(self) -> None:
        """Accept connections, keep all open, and pass on nothing until ``resume``."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def drop(self) -> None:
        """Close all connections, and each new one, until ``resume``."""
        self._refusing = True
        self.close_connections()

    def lose_answers(self) -> None:
        """Pass commands on, and close the connection in place of an answer, until ``resume``."""
        self._losing = True

    def resume(self) -> None:
        """Pass everything on again, also what was held back."""
        self._refusing = self._losing = False
        self._loop.call_soon_threadsafe(self._flowing.set)

    def close_connections(self) -> None:
        """Close the present connections."""
        self._run(self._close_connections())

    async def _close_connections(self) -> None:
        connections = [*self._connections]
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        # Cancelled or broken, a connection is over; the next one is accepted.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if not self._refusing:
                await self._flowing.wait()
                target = await asyncio.open_connection("127.0.0.1", self._target)
                try:
                    await self._join((reader, writer), target)
                finally:
                    target[1].close()
        self._connections.discard(task)
        writer.close()

    async def _join(self, client: Stream, target: Stream) -> None:
        """Pass on both ways, until either side closes."""
        there = asyncio.create_task(self._pass_commands(client[0], target[1]))
        back = asyncio.create_task(self._pass_answers(target[0], client[1]))
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)

    async def _pass_commands(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(65536):
            await self._flowing.wait()
            writer.write(chunk)
            await writer.drain()

    async def _pass_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, chunk = await late.get()
                if (wait := due - self._loop.time()) > 0:
                    await asyncio.sleep(wait)
                await self._flowing.wait()
                writer.write(chunk)
                await writer.drain()

        delivery = asyncio.create_task(deliver())
        try:
            while chunk := await reader.read(65536):
                if self._losing:
                    return
                late.put_nowait((self._loop.time() + self.delay, chunk))
        finally:
            delivery.cancel()
            await asyncio.gather(delivery, return_exceptions=True)

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(20)


@contextlib.contextmanager
def proxied(target_port: int, delay: float = 0.0) -> Iterator[TcpProxy]:
    """Run a proxy in a thread of this process until the block ends."""
    proxy = TcpProxy(target_port, delay)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


@contextlib.contextmanager
def proxied_in_a_process(target_port: int, delay: float = 0.0) -> Iterator[int]:
    """Run a proxy in a process of its own until the block ends; yields its port."""
    command = [sys.executable, "-m", "tests.integration.tcp_proxy", str(target_port), str(delay)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def main(arguments: list[str], wait: Callable[[], object]) -> None:
    """Run a proxy until *wait* returns."""
    with proxied(int(arguments[0]), float(arguments[1])) as proxy:
        sys.stdout.write(f"{proxy.port}\n")
        sys.stdout.flush()
        wait()


if __name__ == "__main__":
    main(sys.argv[1:], threading.Event().wait)
