"""The allowance behind real servers with several workers, and a Redis that is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from countermark import Keyring, Signer
from countermark._log_limit import LogLimit
from tests.conftest import SECRET
from tests.integration.redis_server import RedisServer
from tests.integration.servers import ROOT, fetch, free_port, python, running
from tests.integration.silent import outcome

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Gunicorn is not for Windows")

SIGNED = {"X-CUSTOMER-KEY": Signer("stigg", Keyring(SECRET)).sign("user-1")}

SERVED = """
import os, time
from countermark import Keyring, Verifier, asgi, wsgi
from countermark.verifying import Allowance
from countermark.verifying import from_cookie
from countermark.redis import RedisStore

options = dict(
    verifier=Verifier("stigg", Keyring(os.environ["SECRET_OF_TEST"]), environment="live"),
    mode="enforce",
    allowance=Allowance(
        10,
        session=from_cookie("session"),
        store=RedisStore(os.environ["REDIS_OF_TEST"], timeout=5, pause=0),
        when_unavailable=os.environ["WHEN_UNAVAILABLE"],
    ),
)

def wsgi_page(environ, start_response):
    time.sleep(0.002)  # so that other workers get some of the requests
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]

async def asgi_page(scope, receive, send):
    time.sleep(0.002)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

wsgi_app = wsgi.VerifyingMiddleware(wsgi_page, **options)
asgi_app = asgi.VerifyingMiddleware(asgi_page, **options)
"""


@contextmanager
def served(server: str, url: str, when_unavailable: str, folder: Path) -> Iterator[str]:
    """Yield the address of an application with an allowance of 10, served by some workers."""
    (folder / "served.py").write_text(SERVED)
    port = free_port()
    if server == "gunicorn":
        command = python(
            "-m", "gunicorn", "--preload", "--workers", "3", "--bind", f"127.0.0.1:{port}",
            "--pythonpath", f"{ROOT},{folder}", "served:wsgi_app",
        )  # fmt: skip
    else:
        command = python(
            "-m", "uvicorn", "--workers", "2", "--port", str(port), "--lifespan", "off",
            "--app-dir", str(folder), "--log-level", "warning", "served:asgi_app",
        )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_OF_TEST", SECRET)
        patch.setenv("REDIS_OF_TEST", url)
        patch.setenv("WHEN_UNAVAILABLE", when_unavailable)
        with running(command, port, folder / "server.log") as address:
            yield address


def wait_for_two_workers(url: str, pool: ThreadPoolExecutor) -> None:
    """Wait until two workers answer: a port is open before each of them is ready."""
    workers: set[bytes] = set()
    for _ in range(300):
        workers |= {reply.body for reply in pool.map(fetch, [url] * 8, ["GET"] * 8, [SIGNED] * 8)}
        if len(workers) > 1:
            return
        time.sleep(0.05)
    raise AssertionError("one worker serves them all")


def status(url: str, session: object = None) -> int:
    return fetch(url, headers={} if session is None else {"Cookie": f"session={session}"}).status


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_workers_together_let_exactly_so_many_sessions_in(
    server: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    sessions = [number % 40 for number in range(160)]
    with (
        served(server, redis_server.url, "fail_closed", tmp_path) as url,
        ThreadPoolExecutor(8) as pool,
    ):
        wait_for_two_workers(url, pool)
        for _ in range(2):
            answers = list(pool.map(lambda each: (each, status(url, each)), sessions))
            assert sorted({answer for _, answer in answers}) == [200, 401]
            assert len(set(answers)) == 40, "a session got both answers"
            assert len({each for each, answer in answers if answer == 200}) == 10
        assert status(url) == 401


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
@pytest.mark.parametrize(("policy", "meanwhile"), [("fail_closed", 401), ("fail_open", 200)])
def test_an_outage_is_decided_by_the_policy_and_changes_no_count(
    server: str, policy: str, meanwhile: int, redis_server: RedisServer, tmp_path: Path
) -> None:
    with served(server, redis_server.url, policy, tmp_path) as url:
        assert [status(url, f"before {number}") for number in range(4)] == [200] * 4
        redis_server.kill()
        for session in [*(f"meanwhile {number}" for number in range(20)), "before 0", None]:
            assert outcome(partial(status, url, session)) == meanwhile
        forged = {"Cookie": "session=before 0", "X-CUSTOMER-KEY": "forged"}
        assert (fetch(url, headers=forged).status, fetch(url, headers=SIGNED).status) == (401, 200)
        redis_server.start()
        after = [status(url, f"after {number}") for number in range(12)]
        assert after == [200] * 6 + [401] * 6
        assert [status(url, f"before {number}") for number in range(4)] == [200] * 4
    log = (tmp_path / "server.log").read_text()
    # Each worker logs a limited number of a kind in a minute, and the hook gets them all.
    assert LogLimit.MOST <= log.count("failed: store_unavailable") <= 22
    assert "error=ConnectionError" in log
