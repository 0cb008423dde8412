"""Functions that block the event loop, found by the names in their code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.check.conftest import SECRET, CheckCode

PARTS = f"""
import functools, time, sqlite3, subprocess, urllib.request, urllib.parse
from ctypes.util import find_library
from time import sleep, time as clock
from urllib.request import urlopen
import httpx2 as httpx, redis
import redis.asyncio as aredis
from countermark import Keyring, Signer, Verifier
from countermark.asgi import SigningMiddleware, VerifyingMiddleware
from countermark.redis import RedisStore
from countermark.resolvers import from_session, from_user
from countermark.rollout import Meter
from countermark.verifying import Allowance, ModeFile, ModeSwitch, from_query
from countermark.wsgi import SigningMiddleware as WSGISigning

RING = Keyring("{SECRET}")
signer, verifier = Signer("stigg", RING), Verifier("stigg", RING)
client, async_client = redis.Redis(), aredis.Redis()
http = httpx.Client(trust_env=False)

async def inner(scope, receive, send):
    pass

def load(scope):
    return client.get(scope["key"])

def deep(scope):
    def inside():
        return load(scope)

    return inside()

class Resolver:
    def __call__(self, scope):
        return sleep(1)

    def method(self, scope):
        return sqlite3.connect("users.db")

@functools.cache
def cached(key):
    return client.get(key)

def closing(connection):
    return lambda scope: connection.get("user")

def nothing(scope):
    return None
"""


def resolver(code: str) -> str:
    return f"{PARTS}\napp = SigningMiddleware(inner, signers=signer, principal={code})"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("lambda scope: time.sleep(1)", "time.sleep"),
        ("lambda scope: sleep(1)", "sleep"),
        ("lambda scope: urllib.request.urlopen('')", "urllib.request.urlopen"),
        ("lambda scope: urlopen('')", "urlopen"),
        ("lambda scope: httpx.get('')", "httpx.get"),
        ("lambda scope: http.get('')", "http.get"),
        ("lambda scope: subprocess.run([])", "subprocess.run"),
        ("lambda scope: __import__ and client", "client"),
        ("load", "client.get"),
        ("deep", "client.get"),
        ("Resolver()", "sleep"),
        ("Resolver().method", "sqlite3.connect"),
        ("closing(client)", "connection.get"),
        ("functools.partial(load)", "client.get"),
        ("lambda scope: cached(scope['key'])", "client.get"),
    ],
)
def test_a_resolver_that_blocks_is_found(code: str, name: str, check_code: CheckCode) -> None:
    (found,) = check_code(resolver(code)).findings
    assert (found["code"], found["where"]) == ("blocking_function", "SigningMiddleware principal=")
    assert f" uses {name}, which blocks the event loop" in found["problem"]
    assert Path(found["file"]).name == "checked_module.py"
    assert found["line"] > 1
    assert "blocking=True" in found["advice"]


@pytest.mark.parametrize(
    "code",
    [
        "lambda scope: scope.get('user')",
        "lambda scope: time.time()",
        "lambda scope: clock()",
        "lambda scope: async_client",
        "lambda scope: httpx.URL('').host",
        "lambda scope: urllib.parse.quote('')",
        "lambda scope: scope['app'].redis.requests",
        "lambda scope: find_library('c')",  # of another package
        "from_session('user_id')",
        "from_user('id')",
        "load, blocking=True",
        "nothing",
        "print",
        "str",
    ],
)
def test_a_resolver_that_does_not_block_is_not_found(code: str, check_code: CheckCode) -> None:
    assert check_code(resolver(code)).findings == []


def test_an_async_resolver_is_not_found(check_code: CheckCode) -> None:
    code = "async def principal(scope):\n    return time.sleep(1)\n"
    app = "app = SigningMiddleware(inner, signers=signer, principal=principal)"
    assert check_code(f"{PARTS}\n{code}\n{app}").findings == []


def test_a_resolver_under_wsgi_may_block(check_code: CheckCode) -> None:
    app = "app = WSGISigning(lambda environ, start: [], signers=signer, principal=load)"
    assert check_code(f"{PARTS}\n{app}").findings == []


def test_an_import_in_a_resolver_is_found(check_code: CheckCode) -> None:
    code = "def principal(scope):\n    import psycopg2.extras\n    return psycopg2"
    app = "app = SigningMiddleware(inner, signers=signer, principal=principal)"
    (found,) = check_code(f"{PARTS}\n{code}\n{app}").findings
    assert "uses psycopg2.extras," in found["problem"]


@pytest.mark.parametrize(
    ("option", "rest"),
    [
        ("tenant", "verifier=verifier, mode='off'"),
        ("mode", "verifier=verifier"),
        ("claimed_id", "verifier=verifier, mode='off'"),
        ("meter", "verifier=verifier, mode='off'"),
        ("verifier", "mode='off', tenant=nothing, token='Token'"),
    ],
)
def test_each_function_of_a_verifying_middleware_is_searched(
    option: str, rest: str, check_code: CheckCode
) -> None:
    outcome = check_code(f"{PARTS}\napp = VerifyingMiddleware(inner, {option}=load, {rest})")
    assert outcome.found == [("blocking_function", f"VerifyingMiddleware {option}=")]
    if option == "verifier":
        assert outcome.err == (
            "VerifyingMiddleware: the keys of tenants are loaded during requests, and not checked\n"
        )


def test_the_function_of_an_allowance_is_searched(check_code: CheckCode) -> None:
    options = "verifier=verifier, mode='off', allowance=Allowance(1, session=load)"
    app = f"VerifyingMiddleware(inner, {options})"
    assert check_code(f"{PARTS}\napp = {app}").found == [
        ("blocking_function", "VerifyingMiddleware session=")
    ]


def test_the_function_of_tenants_is_searched(check_code: CheckCode) -> None:
    app = "SigningMiddleware(inner, signers=load, principal=nothing)"
    (found,) = check_code(f"{PARTS}\napp = {app}").findings
    assert found["where"] == "SigningMiddleware signers="
    assert found["advice"] == "load the keys beforehand, and return them from memory"


def test_functions_of_this_library_do_not_block(check_code: CheckCode) -> None:
    code = """
with open("modes.toml", "w") as file:
    file.write('mode = "off"')
store = RedisStore("redis://127.0.0.1:1/0")
app = VerifyingMiddleware(
    inner,
    verifier=verifier,
    mode=ModeFile("modes.toml"),
    meter=Meter(store=store),
    claimed_id=from_query("id"),
    allowance=Allowance(1, store=store),
)
"""
    for mode in ('ModeFile("modes.toml")', 'ModeSwitch(store, "stigg")'):
        changed = code.replace('ModeFile("modes.toml")', mode)
        outcome = check_code(f"{PARTS}\n{changed}")
        assert (outcome.code, outcome.findings) == (0, [])
        assert outcome.err.count("asking Redis failed") == 1
