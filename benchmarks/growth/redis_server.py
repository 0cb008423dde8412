"""A Redis server on loopback for a benchmark, and its own counters."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

# The commands of connections and of the benchmark itself.
_NOT_COUNTED = ("auth", "client|", "config|", "hello", "info", "ping", "dbsize")


@dataclass(frozen=True, slots=True)
class Counters:
    """What the server has counted since it started.

    Attributes:
        commands: The commands it executed, those within scripts included.
        scripts: The scripts among them.
        seconds: The processor time of its main thread, which executes all commands.
        received: The bytes that it received.
        sent: The bytes that it sent.
    """

    commands: int
    scripts: int
    seconds: float
    received: int
    sent: int

    def __sub__(self, other: Counters) -> Counters:
        return Counters(
            self.commands - other.commands,
            self.scripts - other.scripts,
            self.seconds - other.seconds,
            self.received - other.received,
            self.sent - other.sent,
        )


class Server:
    """A running Redis server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client: Any = redis.Redis(port=port, decode_responses=True)

    def counters(self) -> Counters:
        """Return the counters, without the commands of the benchmark itself."""
        info, calls = self.client.info(), self.client.info("commandstats")
        of = {name.removeprefix("cmdstat_"): stats["calls"] for name, stats in calls.items()}
        return Counters(
            sum(number for name, number in of.items() if not name.startswith(_NOT_COUNTED)),
            sum(of.get(name, 0) for name in ("eval", "evalsha", "fcall")),
            info["used_cpu_user_main_thread"] + info["used_cpu_sys_main_thread"],
            info["total_net_input_bytes"],
            info["total_net_output_bytes"],
        )

    def memory(self) -> int:
        """Return the bytes that the server uses for data and connections."""
        used: int = self.client.info("memory")["used_memory"]
        return used

    def connections(self) -> int:
        """Return the number of connections, without that of the benchmark itself."""
        connected: int = self.client.info("clients")["connected_clients"]
        return connected - 1


def is_installed() -> bool:
    """Return True if there is a redis-server."""
    return shutil.which("redis-server") is not None


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Start a server that keeps its data in memory alone, and stop it in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    server = Server(port)
    try:
        for _ in range(200):
            with contextlib.suppress(redis.RedisError):
                server.client.ping()
                break
            time.sleep(0.05)
        else:
            raise RuntimeError("redis-server did not start")
        yield server
    finally:
        server.client.close()
        process.terminate()
        process.wait(timeout=20)
