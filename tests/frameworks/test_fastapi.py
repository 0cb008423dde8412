"""The FastAPI adapter: its dependency, router, example, and many users at once."""

from __future__ import annotations

import asyncio
import importlib
import random
import re
import runpy
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import PlainTextResponse, Response
from fastapi.testclient import TestClient

from countermark import ConfigurationError, EventCounter, Principal, Signer, starlette
from countermark import fastapi as adapter
from countermark.asgi import App
from countermark.fastapi import IdentityDep, SigningMiddleware, identity_from, signatures_router
from tests.drivers import http_scope
from tests.drivers import request as send_raw
from tests.frameworks import cases
from tests.frameworks.driver_fastapi import make_driver
from tests.frameworks.driver_starlette import PLACE, REQUESTS, soak

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/examples/fastapi/app.py"
PAGE = (ROOT / "docs/fastapi.md").read_text(encoding="utf-8")
TOKEN = "stigg-customer-token"
HEADERS = [(b"x-test-user", b"user-1")]


async def current_user(request: Request, identity: IdentityDep) -> str:
    """Load the user of a header, whom these tests believe, and tell countermark."""
    user = request.headers.get("x-test-user")
    if user is None:
        raise HTTPException(401, "of the application")
    identity.identify(user)
    return user


CurrentUser = Annotated[str, Depends(current_user)]


def with_signing(app: FastAPI, **options: Any) -> TestClient:
    app.add_middleware(SigningMiddleware, **({"signers": cases.signers()} | options))
    return TestClient(app)


def as_user(user: str) -> dict[str, str]:
    return {"X-Test-User": user}


def test_who_the_dependency_loads_is_signed_in_state_header_and_endpoint(stigg: Signer) -> None:
    app = FastAPI()

    @app.get("/")
    async def page(user: CurrentUser, request: Request) -> Response:
        return PlainTextResponse(request.state.countermark["stigg"].token)

    app.include_router(signatures_router(), dependencies=[Depends(current_user)])
    client = with_signing(app)
    for user in ("user-1", "user-2"):
        found = client.get("/", headers=as_user(user))
        assert found.text == found.headers[TOKEN] == stigg.sign(user)
        endpoint = client.get("/signatures", headers=as_user(user)).json()
        assert endpoint["stigg"]["customerToken"] == stigg.sign(user)
    assert TOKEN not in client.get("/").headers


def test_the_dependency_may_say_more_than_an_id(stigg: Signer) -> None:
    app = FastAPI()

    @app.get("/{actor}")
    async def page(actor: str, identity: IdentityDep) -> dict[str, Any]:
        staff = None if actor == "none" else actor
        identity.identify(Principal("user-1", email="ann@b.example", actor=staff))
        return identity.payload()

    client = with_signing(app)
    own = client.get("/none")
    assert set(own.json()) == {"marker", "stigg", "helpscout"}
    assert own.headers[TOKEN] == stigg.sign("user-1")
    assert client.get("/staff-1").json() == {}
    assert TOKEN not in client.get("/staff-1").headers


def test_the_identity_of_an_asynchronous_resolver_is_loaded(stigg: Signer) -> None:
    app = FastAPI()

    @app.get("/")
    def page(identity: IdentityDep) -> dict[str, Any]:
        return identity.payload()

    async def principal(scope: Any) -> str:
        return "user-5"

    client = with_signing(app, principal=principal)
    assert client.get("/").json()["stigg"]["customerToken"] == stigg.sign("user-5")


def test_websockets_have_the_dependency_too(stigg: Signer) -> None:
    app = FastAPI()

    @app.websocket("/ws")
    async def socket(websocket: WebSocket, identity: IdentityDep) -> None:
        assert identity is identity_from(websocket)
        await websocket.accept()
        await websocket.send_text(identity["stigg"].token)
        await websocket.close()

    client = with_signing(app, principal=lambda scope: "user-1")
    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_text() == stigg.sign("user-1")
    driver = make_driver()
    assert driver.accept("/ws", "user-1")[TOKEN] == stigg.sign("user-1")
    assert driver.accept("/ws", None) == {}
    # The user is known before the websocket is accepted.
    by_dependency = make_driver(by_dependency=True)
    assert by_dependency.accept("/ws", "user-1")[TOKEN] == stigg.sign("user-1")


def test_without_the_middleware_it_says_what_to_do() -> None:
    app = FastAPI()
    app.include_router(signatures_router())
    for method in ("GET", "HEAD", "POST"):
        with pytest.raises(ConfigurationError, match="put SigningMiddleware around"):
            TestClient(app).request(method, "/signatures")


def test_the_router_answers_each_method_itself() -> None:
    app = FastAPI()
    asked = [Depends(current_user)]
    app.include_router(signatures_router("/tokens"), prefix="/api", dependencies=asked)
    client = with_signing(app)
    found = client.get("/api/tokens", headers=as_user("user-1"))
    assert "no-store" in found.headers["cache-control"]
    head = client.head("/api/tokens", headers=as_user("user-1"))
    assert (head.status_code, head.text) == (200, "")
    assert head.headers["content-length"] == found.headers["content-length"]
    raw = send_raw(
        app, http_scope(method="HEAD", path="/api/tokens", headers=HEADERS)
    )  # clients drop a body
    assert [message.get("body") for message in raw[1:]] == [b""]
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"):
        refused = client.request(method, "/api/tokens")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
        assert refused.json()["type"] == "urn:countermark:problem:method_not_allowed"
    assert client.get("/api/tokens").json() == {"detail": "of the application"}
    assert app.url_path_for("signatures") == "/api/tokens"


def test_the_router_distinguishes_anonymous_from_unknown() -> None:
    def broken(scope: Any) -> str:
        raise OSError

    for options, status in (({}, 401), ({"principal": broken}, 503)):
        app = FastAPI()
        app.include_router(signatures_router())
        answer = with_signing(app, **options).get("/signatures")
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_openapi_document_has_the_answers() -> None:
    app = FastAPI()
    app.include_router(signatures_router())
    app.include_router(signatures_router("/again"))
    client = with_signing(app, principal=lambda scope: "user-1")
    document = client.get("/openapi.json").json()  # a warning of equal ids would be an error
    assert set(document["paths"]["/signatures"]) == {"get"}
    answers = document["paths"]["/signatures"]["get"]["responses"]
    assert set(answers) == {"200", "401", "503"}
    schema = answers["200"]["content"]["application/json"]["schema"]
    assert schema["properties"]["marker"]["type"] == "string"
    assert schema["additionalProperties"]["type"] == "object"
    payload = client.get("/signatures").json()
    assert isinstance(payload.pop("marker"), str)
    assert isinstance(payload["stigg"], dict)
    for status in ("401", "503"):
        problem = answers[status]["content"]["application/problem+json"]["schema"]
        assert problem["required"] == ["type", "title", "status", "detail"]


def test_what_starlette_has_goes_by_the_same_names() -> None:
    for name in ("SigningMiddleware", "context_processor", "current_user_id", "identity_from"):
        assert getattr(adapter, name) is getattr(starlette, name)


def soaked(counter: EventCounter, *, asynchronous: bool) -> App:
    """Return an application whose dependency or resolver takes its time to say who it is."""
    chance = random.Random(20261122)
    app = FastAPI()

    async def load_user(request: Request, identity: IdentityDep) -> None:
        await asyncio.sleep(chance.choice([0, 0, 0.0005]))
        identity.identify(request.scope[PLACE])

    @app.get("/", dependencies=[] if asynchronous else [Depends(load_user)])
    async def page(request: Request, identity: IdentityDep) -> Response:
        if chance.random() < 0.5:
            assert identity["stigg"].principal_id == request.scope[PLACE]
        await asyncio.sleep(chance.choice([0, 0, 0.0005]))
        token = identity["stigg"].token
        return PlainTextResponse(token, headers={"x-state": token})

    async def principal(scope: Any) -> str:
        await asyncio.sleep(chance.choice([0, 0, 0.0005]))
        user: str = scope[PLACE]
        return user

    options: Any = {"principal": principal} if asynchronous else {}
    signer, _ = cases.signers()
    app.add_middleware(SigningMiddleware, signers=signer, on_event=counter, **options)
    return app


@pytest.mark.parametrize("asynchronous", [False, True], ids=["dependency", "async resolver"])
def test_fifty_users_at_once_see_their_own_tokens(asynchronous: bool) -> None:
    counter = EventCounter()
    asyncio.run(soak(soaked(counter, asynchronous=asynchronous)))
    assert counter.total("signed") == REQUESTS


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", cases.SECRET)
    monkeypatch.setenv("SESSION_SECRET", "of the tests")
    return runpy.run_path(str(EXAMPLE))["app"]


def test_the_example_signs_in_and_out(example: Any, stigg: Signer) -> None:
    with TestClient(example) as client:
        assert client.get("/signatures").status_code == 401
        assert "not signed in" in client.get("/").text
        wrong = client.post("/sign-in", json={"name": "ann", "password": "x"})
        assert (wrong.status_code, TOKEN in wrong.headers) == (403, False)

        ann = {"name": "ann", "password": "ann's password"}
        assert client.post("/sign-in", json=ann).headers[TOKEN] == stigg.sign("user-1")
        page = client.get("/")
        (nonce,) = re.findall("'nonce-(.+)'", page.headers["content-security-policy"])
        assert page.text.count(f'nonce="{nonce}"') == 2
        assert stigg.sign("user-1") in page.text
        assert page.headers[TOKEN] == stigg.sign("user-1")
        assert client.get("/signatures").json()["stigg"]["customerId"] == "user-1"
        assert "/signatures" in client.get("/openapi.json").json()["paths"]

        assert TOKEN not in client.post("/sign-out").headers
        assert client.get("/signatures").status_code == 401


def test_the_page_shows_the_code_of_the_example() -> None:
    code = EXAMPLE.read_text(encoding="utf-8")
    pattern = r"^# docs: from here\n(.*?)^# docs: to here$"
    (shown,) = re.findall(pattern, code, re.DOTALL | re.MULTILINE)
    assert f"```python\n{shown}```\n" in PAGE


def test_the_other_code_of_the_page_compiles() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for block in blocks:
        compile(block, "fastapi.md", "exec")
    assert len(PAGE.splitlines()) <= 100


def test_without_fastapi_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "countermark.fastapi")
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(ImportError, match=r"pip install 'countermark\[fastapi\]'"):
        importlib.import_module("countermark.fastapi")
