"""A Redis that evicts keys or has no mode, and meters that get no lifespan."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from countermark.cli import main
from countermark.redis import RedisStore
from countermark.rollout import set_mode
from tests.check.conftest import SECRET, Check, CheckCode
from tests.integration.redis_server import RedisServer

PARTS = f"""
from functools import partial
from asgiref.wsgi import WsgiToAsgi
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Mount, Route
from countermark import Keyring, Verifier
from countermark.asgi import LifespanMiddleware, VerifyingMiddleware, WebhookMiddleware
from countermark.redis import RedisStore
from countermark.rollout import Meter
from countermark.starlette import TokenBackend, refused_token_handler
from countermark.verifying import Allowance, ModeSwitch
from countermark.webhooks import WebhookVerifier

verifier = Verifier("stigg", Keyring("{SECRET}"))
webhooks = WebhookVerifier("stigg", Keyring("{SECRET[::-1]}"))
counting = partial(VerifyingMiddleware, verifier=verifier, mode="monitor", meter=Meter())
declared = Middleware(counting.func, **counting.keywords)
backend = Middleware(
    AuthenticationMiddleware,
    backend=TokenBackend(verifier, meter=Meter()),
    on_error=refused_token_handler,
)

async def inner(scope, receive, send):
    pass

def wsgi(environ, start_response):
    return []

def with_lifespan(application):
    async def app(scope, receive, send):
        if scope["type"] != "lifespan":
            await application(scope, receive, send)

    return app
"""
STORES = {
    "meter": "VerifyingMiddleware(inner, verifier=verifier, mode='off', meter=Meter(store=store))",
    "allowance": "VerifyingMiddleware(inner, verifier=verifier, mode='off',"
    " allowance=Allowance(1, store=store))",
    "mode": "VerifyingMiddleware(inner, verifier=verifier, mode=ModeSwitch(store, 'stigg'))",
    "webhooks": "WebhookMiddleware(inner, verifier=webhooks, store=store)",
}


@pytest.fixture
def server(need_binary: Callable[[str], str], tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(need_binary("redis-server"), tmp_path)
    server.start()
    yield server
    server.kill()


def test_a_redis_that_evicts_keys_is_found(
    server: RedisServer, check: Check, check_code: CheckCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(policy: str, limit: str, *purposes: str) -> list[str]:
        client = server.client()
        client.config_set("maxmemory-policy", policy)
        client.config_set("maxmemory", limit)
        return [
            purpose
            for purpose in purposes
            if check_code(
                f"{PARTS}\nstore = RedisStore('{server.url}')\napp = {STORES[purpose]}"
            ).code
        ]

    set_mode(RedisStore(server.url), "stigg", "monitor", by="a test")
    assert found("allkeys-lru", "1gb", *STORES) == ["meter", "allowance", "mode", "webhooks"]
    assert found("volatile-ttl", "1gb", *STORES) == ["meter", "webhooks"]
    assert found("noeviction", "1gb", *STORES) == []
    # Without a limit Redis evicts nothing.
    assert found("allkeys-lru", "0", *STORES) == []
    monkeypatch.setenv("COUNTERMARK_REDIS_URL", server.url)
    assert check().findings == []
    server.client().config_set("maxmemory", "1gb")
    outcome = check()
    assert outcome.found == [("redis_evicts", "COUNTERMARK_REDIS_URL")]
    assert "allkeys-lru" in outcome.findings[0]["problem"]
    assert "maxmemory-policy to noeviction" in outcome.findings[0]["advice"]


def test_a_switch_without_a_valid_mode_is_found_and_the_advice_helps(
    server: RedisServer,
    check_code: CheckCode,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def problem(environment: str | None) -> Any:
        app = f"""VerifyingMiddleware(
            inner,
            verifier=Verifier("stigg", Keyring("{SECRET}"), environment={environment!r}),
            mode=ModeSwitch(RedisStore("{server.url}"), "stigg", environment={environment!r}),
        )"""
        findings = check_code(f"{PARTS}\napp = {app}").findings
        assert {one["code"] for one in findings} <= {"mode_missing"}
        return findings[0] if findings else None

    missing = problem(None)
    assert missing["problem"] == (
        "Redis holds no mode of stigg, so each process that starts enforces"
    )
    monkeypatch.setenv("COUNTERMARK_REDIS_URL", server.url)
    for environment in (None, "live"):
        advice = problem(environment)["advice"].removeprefix("set one with countermark ")
        assert main(shlex.split(advice)) == 0
        capsys.readouterr()
        assert problem(environment) is None
    client = server.client()
    (key,) = client.keys("*stigg/}*modes")
    client.hset(key, "mode", "perhaps")
    assert problem(None)["problem"].startswith("Redis holds an invalid mode of stigg")


def test_a_redis_that_does_not_answer_is_a_note(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERMARK_REDIS_URL", f"redis://:{SECRET}@127.0.0.1:1/0")
    outcome = check()
    assert (outcome.code, outcome.findings) == (0, [])
    assert outcome.err == (
        "COUNTERMARK_REDIS_URL: asking Redis failed (ConnectionError), so it is not checked\n"
    )


def test_an_invalid_url_of_redis_is_found(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERMARK_REDIS_URL", SECRET)
    outcome = check()
    assert outcome.found == [("misconfigured", "COUNTERMARK_REDIS_URL")]
    assert SECRET not in str(outcome)


@pytest.mark.parametrize(
    "app",
    [
        "counting(inner)",
        "counting(with_lifespan(WsgiToAsgi(wsgi)))",
        "Starlette(middleware=[declared])",
        "counting(Starlette(routes=[Mount('/wsgi', WsgiToAsgi(wsgi))]))",
        "LifespanMiddleware(counting(WsgiToAsgi(wsgi)))",
        "LifespanMiddleware(Starlette(routes=[Mount('/api', counting(inner))]))",
        "Starlette(middleware=[Middleware(LifespanMiddleware), backend])",
    ],
)
def test_a_meter_that_gets_the_lifespan_is_not_found(app: str, check_code: CheckCode) -> None:
    assert check_code(f"{PARTS}\napp = {app}").findings == []


@pytest.mark.parametrize(
    "app",
    [
        "counting(WsgiToAsgi(wsgi))",
        "Starlette(routes=[Mount('/api', counting(inner))])",
        "Starlette(routes=[Mount('/api', Starlette(routes=[Route('/', counting(inner))]))])",
        "Starlette(routes=[Mount('/', inner, middleware=[declared])])",
    ],
)
def test_a_meter_without_a_lifespan_is_found(app: str, check_code: CheckCode) -> None:
    assert check_code(f"{PARTS}\napp = {app}").found == [("lifespan", "VerifyingMiddleware")]


def test_a_meter_without_a_middleware_is_found(check_code: CheckCode) -> None:
    outcome = check_code(f"{PARTS}\napp = Starlette(middleware=[backend])")
    assert outcome.found == [("lifespan", "TokenBackend")]
    assert "LifespanMiddleware" in outcome.findings[0]["advice"]


def test_a_meter_that_litestar_flushes_is_not_found(check_code: CheckCode) -> None:
    code = """
from litestar import Litestar
from litestar.middleware import DefineMiddleware
meter = Meter()
middleware = DefineMiddleware(counting.func, **{**counting.keywords, "meter": meter})
app = Litestar(middleware=[middleware], on_shutdown=[%s])
"""
    assert check_code(f"{PARTS}{code % 'meter.flush'}").findings == []
    assert check_code(f"{PARTS}{code % 'print'}").found == [("lifespan", "VerifyingMiddleware")]


def test_a_lifespan_that_uvicorn_turns_off_is_found(
    check_code: CheckCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UVICORN_LIFESPAN", "off")
    (found,) = check_code(f"{PARTS}\napp = counting(inner)").findings
    assert (found["code"], found["advice"]) == ("lifespan", "unset UVICORN_LIFESPAN")
    assert check_code(f"{PARTS}\napp = WebhookMiddleware(inner, verifier=webhooks)").code == 0
