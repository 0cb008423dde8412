"""No server lets a client name a trusted proxy as its own address, and be believed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.nginx import nginx
from tests.integration.proxy_apps import CLAIMED, HEADER, SIGNER
from tests.integration.proxy_servers import ASGI, KEEPING, PROVING, WSGI, command
from tests.integration.servers import fetch, free_port, python, running

#: What a client writes to have its address replaced.
ATTACKS: list[dict[str, str]] = [
    {},
    {"X-Forwarded-For": CLAIMED},
    {"X-Forwarded-For": f"{CLAIMED}, {CLAIMED}"},
    {"X-Forwarded-For": f"{CLAIMED}:8080"},
    {"X-Forwarded-For": f"{CLAIMED}:00_8080"},
    {"X-Forwarded-For": f"[::ffff:{CLAIMED}]:8080"},
    {"X-Forwarded-For": CLAIMED, "X-Forwarded-Port": "8080"},
    {"X-Forwarded-For": ""},
    {"X-Forwarded-For": "[]"},
    {"Forwarded": f"for={CLAIMED}"},
    {"Forwarded": f'for="{CLAIMED}:8080"'},
    {"Forwarded": 'for="1\\0.9.8.7"'},
    {"X-Real-IP": CLAIMED},
    {"CF-Connecting-IP": CLAIMED},
]


def _served(server: str, name: str, folder: Path, *, keeps: bool = False) -> Any:
    port = free_port()
    return running(command(server, name, port, keeps=keeps), port, folder / "log")


@pytest.fixture(scope="module", params=[*ASGI, *WSGI])
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Return the address of a server that a client reaches without a proxy."""
    with _served(request.param, "attacked", tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.mark.parametrize("headers", ATTACKS, ids=str)
def test_a_client_cannot_claim_the_address_of_a_proxy(
    attacked: str, headers: dict[str, str]
) -> None:
    assert_refused(attacked, headers)


def assert_refused(address: str, headers: dict[str, str]) -> None:
    reply = fetch(address, headers={HEADER: "ceo", **headers})
    assert reply.status < 500
    assert b"ceo" not in reply.body
    assert "stigg-customer-token" not in reply.headers


# These leave a trace of the replacement, so that a wrong statement does no harm.
TRACED = [*ASGI, *PROVING, "wsgiref and ProxyFix"]


@pytest.mark.parametrize("server", TRACED)
def test_a_wrong_statement_is_noticed_where_the_server_leaves_a_trace(
    server: str, tmp_path: Path
) -> None:
    with _served(server, "misled", tmp_path) as address:
        for headers in ATTACKS:
            assert_refused(address, headers)


@pytest.mark.parametrize(
    ("server", "error"),
    [
        ("uvicorn", "ReplacedPeer"),
        ("hypercorn's ProxyFixMiddleware", "ReplacedPeer"),
        ("wsgiref and ProxyFix", "ReplacedPeer"),
        ("waitress", "UnprovenPeer"),
    ],
)
def test_an_event_names_the_cause(server: str, error: str, tmp_path: Path) -> None:
    with _served(server, "attacked", tmp_path) as address:
        assert_refused(address, {"X-Forwarded-For": CLAIMED})
        assert set(fetch(address + "/errors").body.decode().split()) == {error}


NGINX = """
server {{
  listen 127.0.0.1:{port};
  location / {{
    proxy_pass {origin};
    proxy_set_header X-Forwarded-User $cookie_user;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header Forwarded "for=$remote_addr:$remote_port";
  }}
}}
"""


@pytest.mark.parametrize("server", [*KEEPING, *PROVING])
def test_a_real_proxy_is_believed(
    server: str, tmp_path: Path, need_binary: Callable[[str], str]
) -> None:
    port, keeps = free_port(), server in KEEPING
    with (
        _served(server, "stated" if keeps else "proven", tmp_path, keeps=keeps) as origin,
        nginx(
            need_binary("nginx"), NGINX.format(port=port, origin=origin), port, tmp_path
        ) as proxy,
    ):
        for headers in ({}, {"X-Forwarded-For": "10.9.8.7"}, {HEADER: "ceo"}):
            reply = fetch(proxy, headers={"Cookie": "user=ann", **headers})
            assert reply.headers["stigg-customer-token"] == SIGNER.sign("ann")
            assert fetch(proxy, headers=headers).body == b"anonymous"


def test_a_relay_that_speaks_the_proxy_protocol_is_no_proxy(tmp_path: Path) -> None:
    """Such a relay passes on what the client wrote, so its own address proves nothing."""
    port = free_port()
    served = [*command("gunicorn", "proven", port), "--proxy-protocol=auto"]
    with running(served, port, tmp_path / "log") as address:
        with socket.create_connection(("127.0.0.1", port)) as relay:
            relay.sendall(
                b"PROXY TCP4 203.0.113.7 127.0.0.1 50000 80\r\n"
                b"GET / HTTP/1.0\r\nX-Forwarded-User: ceo\r\n\r\n"
            )
            answer = b"".join(iter(lambda: relay.recv(65_536), b""))
        assert answer.endswith(b"anonymous")
        assert fetch(address + "/errors").body == b"ReplacedPeer"


APPS = "tests.integration.proxy_apps"
UNIX = {
    "uvicorn": ["-m", "uvicorn", "--no-proxy-headers", "--uds={path}", f"{APPS}:asgi_unix"],
    "gunicorn": ["-m", "gunicorn", "-bunix:{path}", f"{APPS}:wsgi_unix"],
    "hypercorn": ["-m", "hypercorn", "-bunix:{path}", f"{APPS}:asgi_unix"],
}


@pytest.mark.parametrize("server", UNIX)
def test_a_proxy_on_a_unix_socket_is_believed(
    server: str, tmp_path: Path, need_binary: Callable[[str], str]
) -> None:
    port, path = free_port(), tmp_path / "socket"
    block = NGINX.format(port=port, origin=f"http://unix:{path}:/")
    arguments = [argument.format(path=path) for argument in UNIX[server]]
    with (
        nginx(need_binary("nginx"), block, port, tmp_path) as proxy,
        running(python(*arguments), port, tmp_path / "log"),
    ):
        for _ in range(200):
            reply = fetch(proxy, headers={"Cookie": "user=ann"})
            if reply.status == 200:
                break
            time.sleep(0.05)  # 502: the server does not listen yet
        assert reply.headers["stigg-customer-token"] == SIGNER.sign("ann")
        assert fetch(proxy, headers={HEADER: "ceo"}).body == b"anonymous"
