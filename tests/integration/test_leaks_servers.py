"""The leak guard behind real servers: a page becomes a 500, and a stream is seen to be cut off."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.servers import free_port, python, running
from tests.leaks.guarded import RANDOM

ASGI, WSGI = "tests.integration.leak_apps:asgi_app", "tests.integration.leak_apps:wsgi_app"
# Not Daphne: it keeps the connection open after any exception in a response that has begun.
SERVERS: dict[str, Callable[[int], list[str]]] = {
    "uvicorn, h11": lambda port: ["uvicorn", ASGI, "--port", str(port), "--http", "h11"],
    "uvicorn, httptools": lambda port: ["uvicorn", ASGI, "--port", str(port)],
    "hypercorn": lambda port: ["hypercorn", ASGI, "--bind", f"127.0.0.1:{port}"],
    "granian": lambda port: ["granian", "--interface", "asgi", "--port", str(port), ASGI],
    "gunicorn": lambda port: ["gunicorn", "--bind", f"127.0.0.1:{port}", WSGI],
    "waitress": lambda port: ["waitress", "--listen", f"127.0.0.1:{port}", WSGI],
}


def answer(port: int, path: str) -> bytes:
    """Return all that the server sends before it closes the connection."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        with suppress(ConnectionResetError):
            while part := connection.recv(4096):
                received += part
    return received


@pytest.mark.parametrize("server", SERVERS)
def test_a_page_becomes_a_500_and_a_stream_has_no_end(server: str, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with running(python("-m", *SERVERS[server](port)), port, log):
        clean, page, stream = (answer(port, path) for path in ("/clean", "/page", "/stream"))
    assert clean.startswith(b"HTTP/1.1 200")
    assert b"clean" in clean
    assert page.startswith(b"HTTP/1.1 500")
    assert b"leak_blocked" in page
    assert stream.startswith(b"HTTP/1.1 200")
    assert b"first part" in stream
    assert b"last part" not in stream
    assert not stream.endswith(b"0\r\n\r\n")
    assert RANDOM.encode() not in page + stream + log.read_bytes()
    assert b"LeakBlocked" in log.read_bytes()
