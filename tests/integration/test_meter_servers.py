"""Meters in real servers, which stop their processes in different ways."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from countermark.redis import RedisStore
from countermark.rollout import read_snapshot
from tests.integration.redis_server import RedisServer
from tests.integration.servers import ROOT, fetch, free_port, python, running

SERVED = """
import os
from starlette.applications import Starlette
from countermark import Keyring, Verifier
from countermark.asgi import VerifyingMiddleware
from countermark.rollout import Meter
from countermark.redis import RedisStore
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

options = {
    "mode": "monitor",
    "verifier": Verifier("stigg", Keyring("a-secret-of-the-tests-with-enough-bytes")),
    "meter": Meter(
        store=RedisStore(os.environ["REDIS_OF_TEST"], timeout=5),
        interval=float(os.environ["INTERVAL_OF_TEST"]),
    ),
}
app = VerifyingMiddleware(page, **options)
without = VerifyingMiddleware(with_lifespan(no_lifespan), **options)
framework = Starlette()
framework.add_middleware(VerifyingMiddleware, **options)
"""

# The page shows how to add a lifespan to an application without one.
(EXAMPLE,) = re.findall(
    r"^```python\n(def with_lifespan.*?)^```$",
    (ROOT / "docs/rollout.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)

UVICORN = ("-m", "uvicorn", "--app-dir", "{folder}", "--port", "{port}")
COMMANDS = {
    "uvicorn": (*UVICORN, "served:app"),
    "uvicorn with a framework": (*UVICORN, "served:framework"),
    "uvicorn with the lifespan of the page": (*UVICORN, "served:without"),
    "uvicorn with workers": (*UVICORN, "--workers", "2", "served:app"),
    "hypercorn on trio": ("-m", "hypercorn", "-k", "trio", "-b", "127.0.0.1:{port}", "served:app"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM on Windows")
@pytest.mark.parametrize("interval", ["2", "60"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_writes_all_counts_before_it_exits_after_sigterm(
    name: str,
    interval: str,
    redis_server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "served.py").write_text(EXAMPLE + SERVED)
    monkeypatch.setenv("REDIS_OF_TEST", redis_server.url)
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
    (tmp_path / "served.py").write_text(EXAMPLE + SERVED.replace("timeout=5", "timeout=0.25"))
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
