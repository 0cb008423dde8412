"""A real Redis or Valkey server on loopback, to start, kill, freeze and start again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.integration.servers import free_port


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait until *condition* returns something true.

    A server that does not answer, or refuses, is asked again.
    """
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        with contextlib.suppress(redis.RedisError, OSError):
            if condition():
                return
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} seconds: {what}")


class RedisServer:
    """A server of its own port and folder, whose data survives ``kill`` and ``start``.

    Args:
        binary: The path of ``redis-server`` or ``valkey-server``.
        folder: An existing folder for its data and its log.
        options: More arguments of the command, such as ``["--maxmemory", "2mb"]``.
        credentials: Arguments of ``redis.Redis`` for ``client()``.
        environment: More environment variables of its process.
    """

    def __init__(
        self,
        binary: str,
        folder: Path,
        options: list[str] | None = None,
        credentials: dict[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False
        self._binary, self._folder = binary, folder
        self._options, self._credentials = options or [], credentials or {}
        self._environment = {**os.environ, **(environment or {})}

    def start(self) -> None:
        """Start it, with what was written before."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start it without waiting for its first answer."""
        command = [
            self._binary, "--port", str(self.port), "--bind", "127.0.0.1",
            "--dir", str(self._folder), "--save", "", "--appendonly", "yes",
            "--appendfsync", "always", *self._options,
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)

    def wait_until_ready(self) -> None:
        """Wait until it answers; fails with its log if it does not."""
        try:
            wait_until(lambda: self.client().ping(), "an answer")
        except AssertionError:
            self.kill()
            raise AssertionError(f"no answer; its log:\n{self.log()}") from None

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)
            self._process, self._frozen = None, False

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop the process: connections stay open, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        """Let a frozen process continue."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._frozen = False

    @property
    def running(self) -> bool:
        """True until it is killed or frozen."""
        return self._process is not None and not self._frozen

    def log_exists(self) -> bool:
        """Return true if it has been started before."""
        return (self._folder / "log").exists()

    def log(self) -> str:
        """Return what it logged."""
        return (self._folder / "log").read_text(errors="replace")

    def client(self, **options: Any) -> redis.Redis:
        """Return a client for the test itself; it gives up after some seconds."""
        settings = {
            "decode_responses": True, "socket_timeout": 10, "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
        }  # fmt: skip
        address = {"host": "127.0.0.1", "port": self.port}
        return redis.Redis(**{**address, **settings, **self._credentials, **options})
