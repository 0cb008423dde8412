"""Inside and around Starlette: middleware order, errors, streaming, static files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    BaseUser,
    SimpleUser,
)
from starlette.background import BackgroundTask
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from countermark import Signer
from countermark.asgi import SignaturesEndpoint, SigningMiddleware
from countermark.resolvers import from_session, from_user

USER = "user-1"
TOKEN = "stigg-customer-token"
REUSED = PlainTextResponse("the same object for all")


async def home(request: Request) -> Response:
    return JSONResponse(request.state.countermark.payload())


async def log_in(request: Request) -> Response:
    request.session["user_id"] = request.path_params["user"]
    return RedirectResponse("/", 303)


async def log_out(request: Request) -> Response:
    request.session.clear()
    return PlainTextResponse("bye")


async def reused(request: Request) -> Response:
    return REUSED


async def broken(request: Request) -> Response:
    raise ZeroDivisionError


async def stream(request: Request) -> Response:
    def parts() -> Iterator[str]:
        yield request.state.countermark["stigg"].token[:5]
        yield request.state.countermark["stigg"].token[5:]

    return StreamingResponse(parts())


async def background(request: Request) -> Response:
    seen = request.app.state.seen
    task = BackgroundTask(lambda: seen.append(request.state.countermark["stigg"].principal_id))
    return PlainTextResponse("ok", background=task)


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(websocket.state.countermark.payload())
    await websocket.close()


@pytest.fixture
def routes(tmp_path: Path) -> list[Any]:
    (tmp_path / "style.css").write_text("a{}")
    return [
        Route("/", home),
        Route("/in/{user}", log_in),
        Route("/out", log_out),
        Route("/reused", reused),
        Route("/broken", broken),
        Route("/stream", stream),
        Route("/background", background),
        Route("/signatures", SignaturesEndpoint()),
        Mount("/mounted", SignaturesEndpoint()),
        Mount("/sub", Starlette(routes=[Route("/", home)])),
        Mount("/static", StaticFiles(directory=tmp_path)),
        WebSocketRoute("/socket", socket),
    ]


@pytest.fixture(params=["asyncio", "trio"])
def client(
    request: pytest.FixtureRequest, routes: list[Any], stigg: Signer
) -> Iterator[TestClient]:
    app = Starlette(routes=routes)
    app.state.seen = []
    app.add_middleware(SigningMiddleware, signers=stigg, principal=from_session("user_id"))
    app.add_middleware(SessionMiddleware, secret_key="of the tests")
    with TestClient(app, backend=request.param, raise_server_exceptions=False) as client:
        yield client


def test_login_and_logout_within_the_request_are_seen(client: TestClient, stigg: Signer) -> None:
    assert TOKEN not in client.get("/").headers
    assert client.get("/in/user-1", follow_redirects=False).headers[TOKEN] == stigg.sign(USER)
    assert client.get("/").json()["stigg"]["customerToken"] == stigg.sign(USER)
    assert client.get("/in/user-2", follow_redirects=False).headers[TOKEN] == stigg.sign("user-2")
    assert TOKEN not in client.get("/out").headers


def test_a_response_object_for_all_users_keeps_no_token(client: TestClient, stigg: Signer) -> None:
    for user in ("user-1", "user-2", "user-1"):
        client.get(f"/in/{user}")
        assert client.get("/reused").headers.get_list(TOKEN) == [stigg.sign(user)]
    client.get("/out")
    assert TOKEN not in client.get("/reused").headers
    assert TOKEN not in REUSED.headers


def test_everywhere_else(client: TestClient, stigg: Signer) -> None:
    client.get("/in/user-1")
    mine = stigg.sign(USER)
    payload = {
        "marker": stigg.marker(f"id\n{USER}\n\n"),
        "stigg": {"customerId": USER, "customerToken": mine},
    }
    assert client.get("/stream").text == mine
    assert client.get("/signatures").json() == payload
    assert client.get("/mounted/").json() == payload
    assert client.get("/sub/").json() == payload
    assert client.get("/nowhere").headers[TOKEN] == mine
    assert client.head("/").headers[TOKEN] == mine
    assert client.post("/signatures").status_code == 405
    with client.websocket_connect("/socket") as websocket:
        assert websocket.receive_json() == payload
    client.get("/background")
    assert client.app.state.seen == [USER]  # type: ignore[attr-defined]


def test_a_static_file_is_left_alone(client: TestClient) -> None:
    client.get("/in/user-1")
    first = client.get("/static/style.css")
    assert TOKEN not in first.headers
    assert "vary" not in first.headers or "cookie" not in first.headers["vary"].lower()
    again = client.get("/static/style.css", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert TOKEN not in again.headers


def test_an_unhandled_error_is_seen_from_outside_only(
    client: TestClient, routes: list[Any], stigg: Signer
) -> None:
    client.get("/in/user-1")
    inside = client.get("/broken")
    assert (inside.status_code, TOKEN in inside.headers) == (500, False)

    inner = Starlette(routes=routes)
    inner.add_middleware(SessionMiddleware, secret_key="of the tests")
    outside = SigningMiddleware(inner, signers=stigg, principal=from_session("user_id"))
    other = TestClient(outside, raise_server_exceptions=False)
    other.get("/in/user-1")
    answer = other.get("/broken")
    assert (answer.status_code, answer.headers[TOKEN]) == (500, stigg.sign(USER))


class User(BaseUser):
    def __init__(self, id: int) -> None:
        self.id = id

    @property
    def is_authenticated(self) -> bool:
        return self.id != 0


class Backend(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        if "x-test-user" not in conn.headers:
            return None
        return AuthCredentials(), User(int(conn.headers["x-test-user"]))


def test_from_user_under_authentication_middleware(routes: list[Any], stigg: Signer) -> None:
    app = Starlette(routes=routes)
    app.add_middleware(SigningMiddleware, signers=stigg, principal=from_user())
    app.add_middleware(AuthenticationMiddleware, backend=Backend())
    client = TestClient(app)
    assert client.get("/", headers={"X-Test-User": "7"}).headers[TOKEN] == stigg.sign(7)
    assert TOKEN not in client.get("/", headers={"X-Test-User": "0"}).headers
    assert TOKEN not in client.get("/").headers  # Starlette's UnauthenticatedUser has no id
    assert not hasattr(SimpleUser("name"), "id")


def test_with_a_base_http_middleware_on_either_side(routes: list[Any], stigg: Signer) -> None:
    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-seen"] = request.state.countermark["stigg"].principal_id
        return response

    inner = Starlette(routes=routes)
    inner.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    inner.add_middleware(SigningMiddleware, signers=stigg, principal=lambda scope: USER)
    outer = Starlette(routes=routes)
    outer.add_middleware(SigningMiddleware, signers=stigg, principal=lambda scope: USER)
    outer.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    response = TestClient(inner).get("/")
    assert (response.headers["x-seen"], response.headers[TOKEN]) == (USER, stigg.sign(USER))
    response = TestClient(outer).get("/")
    assert response.headers[TOKEN] == stigg.sign(USER)
