"""Meters in real servers, which stop their processes in different ways."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from countermark.redis import RedisStore
from countermark.rollout import read_snapshot
from tests.integration.redis_server import RedisServer
from tests.integration.servers import ROOT, fetch, free_port, python, running

SERVED = """
import os
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Mount
from countermark import Keyring, Signer, Verifier
from countermark.wsgi import VerifyingMiddleware as wsgi_middleware
from countermark.asgi import LifespanMiddleware, VerifyingMiddleware
from countermark.fastapi import verified_identity
from countermark.rollout import Meter
from countermark.redis import RedisStore
from countermark.starlette import TokenBackend
from tests.integration.verifying_apps import asgi_page

async def page(scope, receive, send):
    if scope["type"] == "lifespan":
        await asgi_page(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})

async def no_lifespan(scope, receive, send):
    assert scope["type"] == "http"
    await page(scope, receive, send)

KEYRING = Keyring("a-secret-of-the-tests-with-enough-bytes")
options = {
    "mode": "monitor",
    "verifier": Verifier("stigg", KEYRING),
    "meter": Meter(
        store=RedisStore(os.environ["REDIS_OF_TEST"], timeout=5),
        interval=float(os.environ["INTERVAL_OF_TEST"]),
    ),
}
app = VerifyingMiddleware(page, **options)
without = LifespanMiddleware(VerifyingMiddleware(no_lifespan, **options))
framework = Starlette()
framework.add_middleware(VerifyingMiddleware, **options)

def wsgi_page(environ, start_response):
    start_response("204 No Content", [])
    return []

wsgi = wsgi_middleware(wsgi_page, **options)

# Without a token the backend counts nothing.
signed = Signer("stigg", KEYRING).sign("user-1").encode()

def with_token(inner):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            scope["headers"] = [*scope["headers"], (b"x-customer-key", signed)]
        await inner(scope, receive, send)
    return app

backend = Starlette(routes=[Mount("/", page)])
backend.add_middleware(AuthenticationMiddleware, backend=TokenBackend(**options))
backend.add_middleware(with_token)
backend.add_middleware(LifespanMiddleware)

dependency = FastAPI(dependencies=[Depends(verified_identity(**options))])
dependency.get("/")(lambda: {})
dependency.add_middleware(with_token)
dependency.add_middleware(LifespanMiddleware)
"""

UVICORN = ("-m", "uvicorn", "--app-dir", "{folder}", "--port", "{port}")
COMMANDS = {
    "uvicorn": (*UVICORN, "served:app"),
    "uvicorn with a framework": (*UVICORN, "served:framework"),
    "uvicorn with an application without a lifespan": (*UVICORN, "served:without"),
    "uvicorn with a backend of Starlette": (*UVICORN, "served:backend"),
    "uvicorn with a dependency of FastAPI": (*UVICORN, "served:dependency"),
    "uvicorn with workers": (*UVICORN, "--workers", "2", "served:app"),
    "hypercorn on trio": ("-m", "hypercorn", "-k", "trio", "-b", "127.0.0.1:{port}", "served:app"),
    # The meter and the store are made before gevent replaces the locks and threads of Python.
    "gunicorn with gevent": (
        "-m", "gunicorn", "-k", "gevent", "--preload", "-b", "127.0.0.1:{port}",
        "--pythonpath", "{folder}", "served:wsgi",
    ),
}  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM on Windows")
@pytest.mark.parametrize(
    ("name", "interval"), [("uvicorn", "2"), *((name, "60") for name in COMMANDS)]
)
def test_a_server_writes_all_counts_before_it_exits_after_sigterm(
    name: str,
    interval: str,
    redis_server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "served.py").write_text(SERVED)
    # A name, which must be looked up at the exit too.
    monkeypatch.setenv("REDIS_OF_TEST", redis_server.url.replace("127.0.0.1", "localhost"))
    monkeypatch.setenv("INTERVAL_OF_TEST", interval)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path)]))
    port = free_port()
    command = python(*(part.format(port=port, folder=tmp_path) for part in COMMANDS[name]))
    with running(command, port, tmp_path / "log") as url:  # stops it by SIGTERM
        for _ in range(21):
            fetch(url)
    (stats,) = read_snapshot(RedisStore(redis_server.url, timeout=5)).groups
    assert stats.requests == 21


def test_a_server_exits_after_sigterm_although_redis_is_unavailable(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "served.py").write_text(SERVED.replace("timeout=5", "timeout=0.25"))
    monkeypatch.setenv("REDIS_OF_TEST", redis_server.url)
    monkeypatch.setenv("INTERVAL_OF_TEST", "60")
    port = free_port()
    command = python(*(part.format(port=port, folder=tmp_path) for part in COMMANDS["uvicorn"]))
    with running(command, port, tmp_path / "log") as url:
        fetch(url)
        redis_server.kill()
    log = (tmp_path / "log").read_text()
    assert "Finished server process" in log
    assert "failed: meter_unavailable" in log
