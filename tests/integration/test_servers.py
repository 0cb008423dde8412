"""Behind real servers: uvicorn, Hypercorn on trio, Werkzeug with threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.apps import SIGNER
from tests.integration.servers import fetch, free_port, python, running

APPS = "tests.integration.apps"
WERKZEUG = (
    "from werkzeug.serving import run_simple; from tests.integration.apps import wsgi_app;"
    " run_simple('127.0.0.1', {port}, wsgi_app, threaded=True)"
)


@pytest.fixture(scope="module", params=["uvicorn", "hypercorn on trio", "werkzeug"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    commands = {
        "uvicorn": python("-m", "uvicorn", f"{APPS}:asgi_app", "--port", str(port)),
        "hypercorn on trio": python(
            "-m", "hypercorn", "-k", "trio", "-b", f"127.0.0.1:{port}", f"{APPS}:asgi_app"
        ),
        "werkzeug": python("-c", WERKZEUG.format(port=port)),
    }
    log: Path = tmp_path_factory.mktemp("server") / "log"
    with running(commands[request.param], port, log) as address:
        yield address


def test_a_user_gets_their_token(url: str) -> None:
    reply = fetch(url, headers={"Cookie": "user=user-1"})
    assert reply.status == 200
    assert reply.headers["stigg-customer-token"] == SIGNER.sign("user-1")
    assert reply.body.decode() == SIGNER.sign("user-1")
    assert (reply.headers["vary"], reply.headers["cache-control"]) == (
        "Cookie, Authorization",
        "private, no-store",
    )


def test_an_anonymous_request_gets_no_token(url: str) -> None:
    reply = fetch(url)
    assert "stigg-customer-token" not in reply.headers
    assert reply.body == b"nobody"
    assert reply.headers["vary"] == "Cookie, Authorization"


def test_head_has_the_headers_of_get(url: str) -> None:
    get, head = (fetch(url, method, {"Cookie": "user=user-1"}) for method in ("GET", "HEAD"))
    for name in ("stigg-customer-token", "vary", "cache-control"):
        assert get.headers[name] == head.headers[name]


def test_fifty_users_at_once(url: str) -> None:
    def one(number: int) -> bool:
        user = f"user-{number % 50}"
        reply = fetch(url, headers={"Cookie": f"user={user}"})
        mine = SIGNER.sign(user)
        return reply.headers["stigg-customer-token"] == mine == reply.body.decode()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(400)))
