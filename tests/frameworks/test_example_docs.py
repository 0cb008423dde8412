"""The pages of frameworks show the code of the examples, and the examples sign in and out."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import httpx2
import pytest
from docs.examples.bottle import app as bottle_example
from docs.examples.falcon import app as falcon_example
from docs.examples.quart import app as quart_example
from falcon.asgi import App as FalconASGI
from litestar import Request, get, post
from litestar.config.response_cache import ResponseCacheConfig
from werkzeug.test import Client

from countermark import Keyring, RequestIdentity, Signer
from countermark.asgi import SigningMiddleware
from countermark.resolvers import from_session
from countermark.signing import identity_script, respond
from tests.conftest import Events
from tests.frameworks import cases
from tests.frameworks.clients import token_of, whose
from tests.frameworks.driver_litestar import create_example as create_litestar
from tests.frameworks.driver_pyramid import create_example as create_pyramid

DOCS = Path(__file__).resolve().parents[2] / "docs"
STIGG = Signer("stigg", Keyring(cases.SECRET))
TOKEN = "Stigg-Customer-Token"


def code_of(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", cases.SECRET)
    monkeypatch.setenv("STIGG_SIGNING_SECRET", cases.SECRET)


class Browser:
    """Asks a WSGI application, and keeps its cookies."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._client = Client(app)

    def ask(self, method: str, path: str, **form: str) -> tuple[int, str | None, str]:
        """Return status, token and text."""
        answer = self._client.open(path, base_url="https://a", method=method, data=form or None)
        return answer.status_code, answer.headers.get(TOKEN), answer.text


class ASGIBrowser:
    """The same for an ASGI application."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._cookies = httpx2.Cookies()

    def ask(self, method: str, path: str, **form: str) -> tuple[int, str | None, str]:
        return asyncio.run(self._ask(method, path, form))

    async def _ask(
        self, method: str, path: str, form: dict[str, str]
    ) -> tuple[int, str | None, str]:
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(
            transport=transport, base_url="https://a", cookies=self._cookies
        ) as client:
            answer = await client.request(method, path, data=form or None)
            self._cookies = client.cookies
            return answer.status_code, answer.headers.get(TOKEN), answer.text


#: The examples of the frameworks that need no adapter.
BROWSERS: dict[str, Callable[[], Browser | ASGIBrowser]] = {
    "litestar": lambda: ASGIBrowser(create_litestar()),
    "quart": lambda: ASGIBrowser(quart_example.create_app()),
    "falcon": lambda: Browser(falcon_example.create_app()),
    "pyramid": lambda: Browser(create_pyramid()),
    "bottle": lambda: Browser(bottle_example.create_app()),
}
FRAMEWORKS = list(BROWSERS)
ADAPTERS = ["flask"]  # tests of their own run the other pages and their examples
SIGN_IN, SIGN_OUT = ("POST", "/sign-in"), ("POST", "/sign-out")
PATHS = {"falcon": (("POST", "/session"), ("DELETE", "/session"))}


# The pages


@pytest.mark.parametrize("name", [*ADAPTERS, *FRAMEWORKS])
def test_a_page_shows_the_code_of_its_example(name: str) -> None:
    example = (DOCS / "examples" / name / "app.py").read_text(encoding="utf-8")
    blocks = code_of(f"{name}.md")
    assert re.search(r"(SigningMiddleware|Countermark)\b", blocks[-1] + blocks[0])
    for block in blocks:
        assert block in example or indent(block, " " * 4) in example, block


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_example_of_a_framework_fits_on_one_page(name: str) -> None:
    lines = (DOCS / f"{name}.md").read_text(encoding="utf-8").splitlines()
    assert 25 <= len(lines) <= 45
    assert max(map(len, lines)) <= 120


# The examples


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_example_signs_in_and_out(name: str) -> None:
    browser = BROWSERS[name]()
    sign_in, sign_out = PATHS.get(name, (SIGN_IN, SIGN_OUT))
    assert browser.ask("GET", "/signatures")[0] == 401
    status, token, text = browser.ask("GET", "/")
    assert (status, token) == (200, None)
    assert "anonymous" in text
    assert browser.ask(*sign_in, password="guess")[:2] == (403, None)
    status, token, _ = browser.ask(*sign_in, password="ann's password")
    assert status in {200, 303}
    assert token == STIGG.sign("user-1")
    status, token, text = browser.ask("GET", "/")
    assert (status, token) == (200, STIGG.sign("user-1"))
    assert f'"customerToken":"{token}"' in text
    status, token, text = browser.ask("GET", "/signatures")
    assert json.loads(text)["stigg"] == {"customerId": "user-1", "customerToken": token}
    assert browser.ask(*sign_in, password="bob's password")[1] == STIGG.sign("user-2")
    assert browser.ask(*sign_out)[1] is None
    assert browser.ask("GET", "/")[1] is None
    assert browser.ask("GET", "/signatures")[0] == 401


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_example_gives_no_user_the_token_of_another(name: str) -> None:
    browser = BROWSERS[name]()
    sign_in, _ = PATHS.get(name, (SIGN_IN, SIGN_OUT))
    other = type(browser)(browser.app)
    browser.ask(*sign_in, password="ann's password")
    other.ask(*sign_in, password="bob's password")
    for _ in range(2):
        assert browser.ask("GET", "/")[1] == STIGG.sign("user-1")
        assert other.ask("GET", "/")[1] == STIGG.sign("user-2")


# What the pages say besides


def test_a_page_that_litestar_caches_gives_each_their_own_header() -> None:
    calls: list[str] = []

    @get("/cached", cache=True)
    async def cached() -> str:
        calls.append("called")
        return "a"

    app = create_litestar()
    app.register(cached)
    for password, id in {"ann's password": "user-1", "bob's password": "user-2"}.items():
        browser = ASGIBrowser(app)
        browser.ask("POST", "/sign-in", password=password)
        assert browser.ask("GET", "/cached")[1] == STIGG.sign(id)
    assert isinstance(app.response_cache_config, ResponseCacheConfig)
    assert calls == ["called"]


def test_a_session_that_litestar_has_cleared_has_no_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @post("/clear")
    async def clear(request: Request[Any, Any, Any]) -> None:
        request.clear_session()

    app = create_litestar()
    app.register(clear)
    browser = ASGIBrowser(app)
    browser.ask("POST", "/sign-in", password="ann's password")
    assert browser.ask("POST", "/clear")[:2] == (201, None)
    assert "failed: resolver_raised" in caplog.text
    assert browser.ask("GET", "/signatures")[0] == 401


def test_falcon_under_asgi_is_the_same() -> None:
    class CurrentUser:
        async def process_request(self, req: Any, resp: Any) -> None:
            req.scope["session"] = {"user_id": "user-1"}

    class Page:
        async def on_get(self, req: Any, resp: Any) -> None:
            resp.text = token_of(req.scope["state"]["countermark"])

    app: Any = FalconASGI(middleware=CurrentUser())
    app.add_route("/", Page())
    signing = SigningMiddleware(app, signers=STIGG, principal=from_session("user_id"))
    assert ASGIBrowser(signing).ask("GET", "/") == (200, *[STIGG.sign("user-1")] * 2)


# Your own integration


def handler(request: dict[str, Any]) -> tuple[int, list[tuple[str, str]], str]:
    """Answer the paths of the cases."""
    identity: RequestIdentity = request["countermark"]
    path = request["path"]
    if path == "/signatures":
        status, headers, body = respond(request["method"], identity)
        return status, headers, body.decode()
    if path == "/login":
        identity.identify("user-2")
    if path == "/logout":
        identity.forget()
    if path in {"/page", "/login", "/logout"}:
        body_text = "" if request["method"] == "HEAD" else identity_script(identity)
        return 200, [("X-State", token_of(identity))], body_text
    if path == "/stream":
        return 200, [], token_of(identity)
    return {
        "/redirect": (302, [("Location", "/page")], ""),
        "/not-modified": (304, [("ETag", '"1"')], ""),
        "/error": (500, [], ""),
        "/file": (200, [("ETag", '"1"')], "a"),
        "/public": (200, [("Cache-Control", "public, max-age=60")], "a"),
    }.get(path, (404, [], ""))


class OwnDriver:
    """Asks the class of the page."""

    name = "own"

    def __init__(self, **options: Any) -> None:
        (code,) = code_of("custom-integration.md")
        names: dict[str, Any] = {"__name__": "page"}
        exec(compile(code, "custom-integration.md", "exec"), names)
        given = {"handler": handler, "signers": cases.signers(), "principal": whose}
        self.app = names["Signing"](**given | options)

    def get(self, path: str, principal: Any, *, method: str = "GET") -> cases.Response:
        request = {"path": path, "method": method, "tests.principal": principal}
        status, headers, body = self.app(request)
        assert request["countermark"].source is None
        return cases.Response(status, {name.lower(): value for name, value in headers}, body)


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_an_integration_of_ones_own_shows_what_every_framework_does(case: cases.Case) -> None:
    assert cases.look(OwnDriver(), case) == cases.expected(case)


def test_an_integration_of_ones_own_reports_odd_headers_and_leaves_them(events: Events) -> None:
    driver = OwnDriver(handler=lambda request: (200, [("X-One",)], "a"))
    driver.app.config.on_event = events
    request: dict[str, Any] = {"path": "/", "method": "GET", "tests.principal": "user-1"}
    assert driver.app(request) == (200, [("X-One",)], "a")
    assert [event.reason for event in events] == ["delivery_raised"]


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("GET", 304)])
def test_an_integration_of_ones_own_leaves_some_responses_alone(method: str, status: int) -> None:
    driver = OwnDriver(handler=lambda request: (status, [], ""))
    assert driver.get("/", "user-1", method=method) == cases.Response(status, {})
