"""The Starlette adapter: its resolver, handle, helper, route, example, and many users at once."""

from __future__ import annotations

import asyncio
import importlib
import random
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal
from uuid import UUID

import pytest
import uvicorn
from jinja2 import DictLoader, Environment
from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    BaseUser,
    SimpleUser,
    UnauthenticatedUser,
)
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.templating import Jinja2Templates
from starlette.testclient import TestClient
from starlette.websockets import WebSocket
from uvicorn.lifespan.on import LifespanOn

from countermark import ConfigurationError, EventCounter, Keyring, Principal, Signer
from countermark.resolvers import from_session, from_user
from countermark.starlette import (
    SigningMiddleware,
    context_processor,
    current_user_id,
    identity_from,
    signatures_route,
)
from tests.conftest import Events
from tests.drivers import http_scope
from tests.frameworks import cases
from tests.frameworks.driver_starlette import PLACE, REQUESTS, make_driver, soak

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/examples/starlette/app.py"
PAGE = (ROOT / "docs/starlette.md").read_text(encoding="utf-8")
REFERENCE = UUID("3a409367-a417-4d46-9a92-3d7bc5dc4605")
TOKEN = "stigg-customer-token"


class Nameless(BaseUser):
    """An authenticated user with neither ``id`` nor ``identity``."""

    is_authenticated = True


class Identified(SimpleUser):
    """A user with an ``identity`` of their own."""

    @property
    def identity(self) -> str:
        return f"of {self.username}"


class Anonymous(BaseUser):
    """A user who is nobody, and whose id must not be asked for."""

    is_authenticated = False

    @property
    def id(self) -> str:
        raise RuntimeError


def with_id(user: Any, id: int) -> Any:
    user.id = id
    return user


@pytest.mark.parametrize(
    ("user", "id"),
    [
        (SimpleNamespace(id="user-1", is_authenticated=True), "user-1"),
        (SimpleNamespace(id=7, is_authenticated=True), 7),
        (SimpleNamespace(id=REFERENCE, is_authenticated=True), REFERENCE),
        (SimpleNamespace(id="user-1"), "user-1"),
        (SimpleNamespace(id=7, identity="ann", is_authenticated=True), 7),
        (SimpleNamespace(id=None, identity="ann", is_authenticated=True), None),
        (SimpleNamespace(id="user-1", is_authenticated=False), None),
        (SimpleUser("ann"), "ann"),
        (Identified("ann"), "of ann"),
        (with_id(SimpleUser("ann"), 7), 7),
        (UnauthenticatedUser(), None),
        (Anonymous(), None),
        (None, None),
    ],
)
def test_the_current_user_is_by_id_or_else_by_identity(user: Any, id: Any) -> None:
    assert current_user_id({"user": user}) == id


def test_without_authentication_the_request_is_anonymous() -> None:
    assert current_user_id({}) is None


class Backend(AuthenticationBackend):
    """Takes the user out of the scope, after a pause."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        await asyncio.sleep(0)
        user = conn.scope.get(PLACE)
        return None if user is None else (AuthCredentials(), user)


def application(user: Any = None, *routes: Any, **options: Any) -> TestClient:
    """Return a client that is *user* of an application with Stigg's and Help Scout's tokens."""
    app = Starlette(routes=list(routes) or [Route("/", home), signatures_route()])
    app.add_middleware(SigningMiddleware, **({"signers": cases.signers()} | options))
    app.add_middleware(AuthenticationMiddleware, backend=Backend())

    async def with_user(scope: Any, receive: Any, send: Any) -> None:
        if user is not None:
            scope[PLACE] = user
        await app(scope, receive, send)

    return TestClient(with_user)


async def home(request: Request) -> Response:
    signed = identity_from(request).get("stigg")
    return PlainTextResponse(signed.token if signed else "-")


def test_the_middleware_signs_for_the_current_user_by_default(stigg: Signer) -> None:
    response = application(SimpleUser("ann")).get("/")
    assert response.text == response.headers[TOKEN] == stigg.sign("ann")
    assert application().get("/").text == "-"


def test_a_user_of_whom_no_id_is_known_is_an_event_and_a_page(events: Events) -> None:
    client = application(Nameless(), on_event=events)
    assert (client.get("/").text, client.get("/signatures").status_code) == ("-", 503)
    assert {event.error for event in events.named("failed")} == {"NotImplementedError"}


def test_another_resolver_may_be_given(stigg: Signer) -> None:
    ann = Principal("user-9", email="ann@b.example")
    response = application(SimpleUser("ann"), principal=lambda scope: ann).get("/")
    assert response.headers[TOKEN] == stigg.sign("user-9")
    assert "helpscout-signature" in response.headers


def test_tenants_have_signers_of_their_own() -> None:
    keyrings = {name: Keyring(f"a-secret-of-{name}-with-enough-bytes-for-all") for name in "ab"}

    def load(tenant: str) -> Signer:
        return Signer("stigg", keyrings[tenant])

    by_company = from_user("id", tenant="company_id")
    for tenant in "ab":
        user = SimpleNamespace(id="user-1", company_id=tenant, is_authenticated=True)
        response = application(user, signers=load, principal=by_company).get("/")
        assert response.headers[TOKEN] == load(tenant).sign("user-1")


def test_a_mistake_shows_when_the_application_starts() -> None:
    app = Starlette()
    app.add_middleware(SigningMiddleware, signers=[])
    with pytest.raises(ConfigurationError, match="signers= is empty"), TestClient(app):
        pass
    with pytest.raises(ConfigurationError, match="signers= is empty"):
        SigningMiddleware(app, signers=[])


@pytest.mark.asyncio
async def test_uvicorn_does_not_start_with_a_mistake_if_lifespan_is_on() -> None:
    app = Starlette()
    app.add_middleware(SigningMiddleware, signers=[])
    stopped = {}
    for mode in ("on", "auto"):
        config = uvicorn.Config(app, lifespan=mode, log_config=None)
        config.load()
        lifespan = LifespanOn(config)
        await lifespan.startup()
        stopped[mode] = lifespan.should_exit
    assert stopped == {"on": True, "auto": False}


def test_around_the_application_the_user_found_inside_counts(stigg: Signer) -> None:
    async def broken(request: Request) -> Response:
        raise ZeroDivisionError

    inner = Starlette(routes=[Route("/", home), Route("/broken", broken)])
    inner.add_middleware(AuthenticationMiddleware, backend=Everybody())
    client = TestClient(SigningMiddleware(inner, signers=stigg), raise_server_exceptions=False)
    assert client.get("/").text == client.get("/").headers[TOKEN] == stigg.sign("ann")
    error = client.get("/broken")
    assert (error.status_code, error.headers[TOKEN]) == (500, stigg.sign("ann"))


class Everybody(AuthenticationBackend):
    """Takes everybody for Ann."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        return AuthCredentials(), SimpleUser("ann")


@pytest.mark.parametrize("connection", [Request, WebSocket])
def test_without_the_middleware_it_says_what_to_do(connection: Any) -> None:
    kind = "http" if connection is Request else "websocket"
    arguments: tuple[Any, ...] = () if connection is Request else (None, None)
    with pytest.raises(ConfigurationError, match="put SigningMiddleware around"):
        identity_from(connection({"type": kind}, *arguments))


def test_requests_and_websockets_have_the_identity_of_their_state(stigg: Signer) -> None:
    async def state(request: Request) -> Response:
        return PlainTextResponse(str(identity_from(request) is request.state.countermark))

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        assert identity_from(websocket) is websocket.state.countermark
        await websocket.send_text(identity_from(websocket)["stigg"].token)
        await websocket.close()

    client = application(SimpleUser("ann"), Route("/", state), WebSocketRoute("/ws", socket))
    assert client.get("/").text == "True"
    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_text() == stigg.sign("ann")


def test_a_websocket_is_accepted_with_the_tokens_of_its_user(stigg: Signer) -> None:
    driver = make_driver()
    assert driver.accept("/ws", "user-1")[TOKEN] == stigg.sign("user-1")
    assert driver.accept("/ws", None) == {}


def rendered(template: str, user: Any = None, **options: Any) -> str:
    """Return what *template* gives for *user*."""
    environment = Environment(loader=DictLoader({"page": template}), autoescape=True)
    templates = Jinja2Templates(env=environment, context_processors=[context_processor])

    async def page(request: Request) -> Response:
        await identity_from(request).load()
        return templates.TemplateResponse(request, "page")

    return application(user, Route("/", page), **options).get("/").text


def test_the_template_helper_writes_one_scheme_with_id_and_nonce(stigg: Signer) -> None:
    template = "{{ countermark('stigg', id='signed', nonce='abc+/=') }}"
    assert rendered(template, SimpleUser("ann")) == (
        '<script type="application/json" id="signed" nonce="abc+/=">'
        f'{{"customerId":"ann","customerToken":"{stigg.sign("ann")}"}}</script>'
    )
    assert ">null</script>" in rendered(template)


def test_nothing_breaks_out_of_the_element() -> None:
    page = rendered("{{ countermark() }}", SimpleUser("</script><script>alert(1)</script>"))
    assert page.count("<script") == page.count("</script>") == 1
    assert "\\u003c/script\\u003e" in page


def test_templates_have_the_identity(stigg: Signer) -> None:
    shown = "{{ countermark.identity.stigg.token }}"
    template = f"{{% if 'stigg' in countermark.identity %}}{shown}{{% endif %}}"
    assert rendered(template, SimpleUser("ann")) == stigg.sign("ann")
    assert rendered(template) == ""


def test_an_asynchronous_resolver_is_loaded_before_the_template(stigg: Signer) -> None:
    async def principal(scope: Any) -> str:
        return "user-5"

    page = rendered("{{ countermark('stigg') }}", principal=principal)
    assert stigg.sign("user-5") in page


def test_a_template_that_shows_no_token_needs_no_middleware() -> None:
    request = Request(http_scope())
    render = Environment(autoescape=True).from_string
    assert render("an error").render(context_processor(request)) == "an error"
    with pytest.raises(ConfigurationError):
        render("{{ countermark() }}").render(context_processor(request))


def test_the_route_answers_each_method_itself() -> None:
    app = application(SimpleUser("ann"), Mount("/api", routes=[signatures_route("/tokens")]))
    found = app.get("/api/tokens")
    assert found.json()["stigg"]["customerId"] == "ann"
    assert "no-store" in found.headers["cache-control"]
    head = app.head("/api/tokens")
    assert (head.status_code, head.text) == (200, "")
    assert head.headers["content-length"] == found.headers["content-length"]
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"):
        refused = app.request(method, "/api/tokens")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
        assert refused.json()["type"] == "urn:countermark:problem:method_not_allowed"


def test_the_route_distinguishes_anonymous_from_unknown() -> None:
    assert application().get("/signatures").status_code == 401
    assert application(SimpleNamespace()).get("/signatures").status_code == 503
    assert str(Starlette(routes=[signatures_route()]).url_path_for("signatures")) == "/signatures"


def test_in_the_order_of_the_page_every_middleware_does_its_part(stigg: Signer) -> None:
    async def page(request: Request) -> Response:
        request.session["name"] = "user-1"
        return PlainTextResponse("x" * 1000)

    app = Starlette(
        routes=[Route("/", page)],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["https://a.example"],
                allow_credentials=True,
                expose_headers=[str(stigg.header)],
            ),
            Middleware(GZipMiddleware),
            Middleware(SessionMiddleware, secret_key="of the tests"),
            Middleware(AuthenticationMiddleware, backend=Backend()),
            Middleware(SigningMiddleware, signers=stigg, principal=from_session("name")),
        ],
    )
    response = TestClient(app).get("/", headers={"Origin": "https://a.example"})
    assert response.headers[TOKEN] == stigg.sign("user-1")
    assert response.headers["access-control-expose-headers"] == stigg.header
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["cache-control"] == "private, no-store"
    assert response.headers["set-cookie"].startswith("session=")
    varying = {name.strip().lower() for name in response.headers["vary"].split(",")}
    assert varying == {"accept-encoding", "cookie", "authorization", "origin"}
    preflight = TestClient(app).options(
        "/", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    )
    assert (preflight.status_code, TOKEN in preflight.headers) == (200, False)


def test_fifty_users_at_once_see_their_own_tokens() -> None:
    chance = random.Random(20261122)
    counter = EventCounter()

    async def page(request: Request) -> Response:
        if chance.random() < 0.5:
            assert identity_from(request)["stigg"].token
        await asyncio.sleep(chance.choice([0, 0, 0.0005]))
        token = request.state.countermark["stigg"].token
        return PlainTextResponse(token, headers={"x-state": token})

    app = Starlette(routes=[Route("/", page)])
    signer, _ = cases.signers()
    app.add_middleware(SigningMiddleware, signers=signer, on_event=counter)
    app.add_middleware(AuthenticationMiddleware, backend=Named())
    asyncio.run(soak(app))
    assert counter.total("signed") == REQUESTS


class Named(Backend):
    """Finds the user of a name, after a pause."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        await asyncio.sleep(0)
        return AuthCredentials(), SimpleUser(conn.scope[PLACE])


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STIGG_SIGNING_SECRET", cases.SECRET)
    monkeypatch.setenv("SESSION_SECRET", "of the tests")
    return runpy.run_path(str(EXAMPLE))["app"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_example_signs_in_and_out(
    example: Any, backend: Literal["asyncio", "trio"], stigg: Signer
) -> None:
    with TestClient(example, backend=backend, follow_redirects=False) as client:
        assert TOKEN not in client.get("/").headers
        assert client.get("/signatures").status_code == 401
        wrong = client.post("/sign-in", data={"name": "ann", "password": "x"})
        assert (wrong.status_code, TOKEN in wrong.headers) == (403, False)

        ann = {"name": "ann", "password": "ann's password"}
        assert client.post("/sign-in", data=ann).headers[TOKEN] == stigg.sign("user-1")
        page = client.get("/")
        (nonce,) = re.findall("'nonce-(.+)'", page.headers["content-security-policy"])
        assert page.text.count(f'nonce="{nonce}"') == 2
        assert stigg.sign("user-1") in page.text
        assert page.headers[TOKEN] == stigg.sign("user-1")
        assert client.get("/signatures").json()["stigg"]["customerId"] == "user-1"

        assert TOKEN not in client.post("/sign-out").headers
        assert client.get("/signatures").status_code == 401


def test_the_page_shows_the_code_of_the_example() -> None:
    code = EXAMPLE.read_text(encoding="utf-8")
    (shown,) = re.findall(
        r"^# docs: from here\n(.*?)^# docs: to here$", code, re.DOTALL | re.MULTILINE
    )
    assert f"```python\n{shown}```\n" in PAGE


def test_the_other_code_of_the_page_compiles() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for block in blocks:
        compile(block, "starlette.md", "exec")
    assert len(PAGE.splitlines()) <= 100


def test_without_starlette_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "countermark.starlette")
    monkeypatch.setitem(sys.modules, "starlette.requests", None)
    with pytest.raises(ImportError, match=r"pip install 'countermark\[starlette\]'"):
        importlib.import_module("countermark.starlette")
