"""Enforcing behind real servers, which have ways of their own with headers and websockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.servers import fetch, free_port, python, running
from tests.verifying.protocols import GOOD, SIGNER

APPS = "tests.integration.verifying_apps"
GUNICORN = ("-m", "gunicorn", f"{APPS}:wsgi_app", "--workers", "2")
COMMANDS = {
    "uvicorn": ("-m", "uvicorn", f"{APPS}:asgi_app", "--ws", "wsproto", "--port", "{port}"),
    "hypercorn on trio": (
        "-m", "hypercorn", "-k", "trio", "-b", "127.0.0.1:{port}", f"{APPS}:asgi_app"
    ),
    "gunicorn with sync workers": (*GUNICORN, "-b", "127.0.0.1:{port}"),
    "gunicorn with gthread workers": (
        *GUNICORN, "-k", "gthread", "--threads", "4", "-b", "127.0.0.1:{port}"
    ),
    "uvicorn without denial responses": (
        "-m", "uvicorn", f"{APPS}:asgi_app_of_old_server", "--ws", "wsproto", "--port", "{port}"
    ),
}  # fmt: skip
OTHER = SIGNER.sign("user-2")


class Server(NamedTuple):
    name: str
    port: int
    url: str

    @property
    def asgi(self) -> bool:
        return "gunicorn" not in self.name


@pytest.fixture(scope="module", params=COMMANDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    port = free_port()
    command = python(*(part.format(port=port) for part in COMMANDS[request.param]))
    log: Path = tmp_path_factory.mktemp("server") / "log"
    with running(command, port, log) as url:
        yield Server(request.param, port, url)


def raw(server: Server, *lines: str, method: str = "GET", body: str = "") -> tuple[int, str]:
    """Send a request as it is; returns the status and all that came."""
    start = [f"{method} / HTTP/1.1", "Host: localhost", *lines]
    if not any(line.startswith("Connection:") for line in lines):
        start.append("Connection: close")
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(("\r\n".join(start) + "\r\n\r\n" + body).encode("latin-1"))
        answer = b""
        while part := receive(connection):
            answer += part
            if b"\r\n\r\n" in answer and b" 101 " in answer[:20]:
                break
    return int(answer.split(b" ", 2)[1]), answer.decode("latin-1")


def receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:  # of servers that did not read all
        return b""


def test_a_valid_token_is_allowed(server: Server) -> None:
    for method in ("GET", "POST"):
        reply = fetch(server.url, method, {"X-CUSTOMER-KEY": GOOD})
        assert (reply.status, reply.body) == (200, b"verified user-1")


def test_no_token_gets_the_problem(server: Server) -> None:
    reply = fetch(server.url, headers={"Origin": "https://app.example"})
    assert reply.status == 401
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["www-authenticate"] == 'Countermark realm="stigg", error="missing"'
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert json.loads(reply.body)["type"] == "urn:countermark:problem:missing"
    head = fetch(server.url, "HEAD")
    assert (head.status, head.body) == (401, b"")


def test_an_unread_body_does_no_harm(server: Server) -> None:
    status, _ = raw(server, "Content-Length: 100000", method="POST", body="x" * 100_000)
    assert status == 401
    assert fetch(server.url, headers={"X-CUSTOMER-KEY": GOOD}).status == 200


def test_a_preflight_gets_the_permission(server: Server) -> None:
    asked = {"Access-Control-Request-Method": "PUT", "Origin": "https://app.example"}
    reply = fetch(server.url, "OPTIONS", asked)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-methods"] == "PUT"
    assert fetch(server.url, "OPTIONS", {**asked, "Origin": "https://evil.example"}).status == 403


@pytest.mark.parametrize("first", [GOOD, "evil", OTHER])
@pytest.mark.parametrize("second", [GOOD, "evil", ""])
def test_a_duplicate_header_is_never_allowed(server: Server, first: str, second: str) -> None:
    for name in ("X-CUSTOMER-KEY", "x-customer-key"):
        status, answer = raw(server, f"X-CUSTOMER-KEY: {first}", f"{name}: {second}")
        assert status == 401
        assert 'error="ambiguous"' in answer


def test_a_name_with_underscores_is_never_allowed(server: Server) -> None:
    for name in ("X_CUSTOMER_KEY", "x_customer_key", "X-CUSTOMER_KEY"):
        status, answer = raw(server, f"{name}: {GOOD}")
        assert status == 401
        # gunicorn drops it.
        assert f'error="{"ambiguous" if server.asgi else "missing"}"' in answer


def test_a_second_name_with_underscores_is_never_used(server: Server) -> None:
    for lines in ([GOOD, OTHER], [OTHER, GOOD]):
        names = ("X-CUSTOMER-KEY", "X_CUSTOMER_KEY")
        pair = [f"{name}: {value}" for name, value in zip(names, lines, strict=True)]
        for headers in (pair, pair[::-1]):
            status, answer = raw(server, *headers)
            if server.asgi:
                assert (status, 'error="ambiguous"' in answer) == (401, True)
            else:  # gunicorn drops it
                assert status == 200
                assert answer.endswith("user-1" if lines[0] == GOOD else "user-2")


@pytest.mark.parametrize("token", ["x" * 60_000, "\xff\xfe", GOOD + "\xe9", " ", "a,b"])
def test_odd_values_are_refused(server: Server, token: str) -> None:
    status, _ = raw(server, f"X-CUSTOMER-KEY: {token}")
    assert status in (400, 401, 431)
    assert fetch(server.url, headers={"X-CUSTOMER-KEY": GOOD}).status == 200


def test_forty_users_at_once(server: Server) -> None:
    def one(number: int) -> bool:
        user = f"user-{number % 40}"
        reply = fetch(server.url, headers={"X-CUSTOMER-KEY": SIGNER.sign(user)})
        return reply.body == f"verified {user}".encode()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(200)))


HANDSHAKE = (
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip


@pytest.mark.parametrize(
    "server", [name for name in COMMANDS if "gunicorn" not in name], indirect=True
)
def test_a_websocket_needs_a_token(server: Server) -> None:
    status, answer = raw(server, *HANDSHAKE, f"X-CUSTOMER-KEY: {GOOD}")
    assert status == 101
    assert "verified user-1" in answer
    status, answer = raw(server, *HANDSHAKE)
    if server.name == "uvicorn without denial responses":
        assert status == 403
    else:
        assert status == 401
        assert "urn:countermark:problem:missing" in answer
    status, _ = raw(server, *HANDSHAKE, f"X-CUSTOMER-KEY: {GOOD}", f"X-CUSTOMER-KEY: {GOOD}")
    assert status in (401, 403)
