"""Starts real servers on loopback, and ends them."""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: object) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def fetch(url: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Reply:
    """Make one HTTP request; header names are in lower case."""
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}))
    try:
        response = _opener.open(request, timeout=20)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        names = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, names, response.read())


def free_port() -> int:
    """Return a port that nothing listens on, and that no call returned before.

    It is below those that the system gives to clients: one of them could take it meanwhile.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


_given: set[int] = set()


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[str]:
    """Run *command* until the block ends; yields its address once it listens on *port*."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        try:
            _wait(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text(errors='replace')}")


def python(*arguments: str) -> list[str]:
    """Return the command of this interpreter with *arguments*."""
    return [sys.executable, *arguments]
