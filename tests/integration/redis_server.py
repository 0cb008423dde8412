"""A real Redis server on loopback, to start, kill and start again."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

import redis

from tests.integration.servers import free_port


class RedisServer:
    """A Redis server of its own port and folder, whose data survives a restart with *persist*."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._binary, self._folder = binary, folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with what was written before."""
        command = [
            self._binary, "--port", str(self.port), "--bind", "127.0.0.1",
            "--dir", str(self._folder), "--save", "", "--appendonly", "yes",
            "--appendfsync", "always",
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(300):
            with contextlib.suppress(redis.RedisError):
                if self.client().ping():
                    return
            time.sleep(0.05)
        raise AssertionError(f"Redis did not start:\n{(self._folder / 'log').read_text()}")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)
            self._process = None

    @property
    def pid(self) -> int:
        """The id of its process, which must run."""
        assert self._process is not None
        return self._process.pid

    def client(self) -> redis.Redis:
        """Return a client for the test itself."""
        return redis.Redis.from_url(self.url, decode_responses=True)
