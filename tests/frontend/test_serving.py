"""The endpoints that serve the module, in each protocol and framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from countermark import Keyring, Signer, asgi, wsgi
from countermark.frontend import module, respond_script
from tests.conftest import SECRET, Events
from tests.drivers import call, http_scope, request

PATH = "/signatures/countermark.js"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


Ask = Callable[..., Answer]


def signed(side: Any, events: Events) -> Any:
    """Return the endpoint within a middleware, as applications have it."""
    signer = Signer("stigg", Keyring(SECRET))
    return side.SigningMiddleware(
        side.ScriptEndpoint(), signers=signer, principal=lambda source: "user-1", on_event=events
    )


def ask_asgi(method: str = "GET", headers: Mapping[str, str] = {}) -> Answer:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    start, body = request(
        signed(asgi, Events()), http_scope(method=method, path=PATH, headers=pairs)
    )
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], names, body["body"])


def ask_wsgi(method: str = "GET", headers: Mapping[str, str] = {}) -> Answer:
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    answer = call(signed(wsgi, Events()), REQUEST_METHOD=method, **environ)
    names = {name.lower(): value for name, value in answer.headers}
    return Answer(int(answer.starts[-1][0][:3]), names, b"".join(answer.body))


def ask_starlette(method: str = "GET", headers: Mapping[str, str] = {}) -> Answer:
    from starlette.applications import Starlette
    from starlette.routing import Route
    from starlette.testclient import TestClient

    client = TestClient(Starlette(routes=[Route(PATH, asgi.ScriptEndpoint())]))
    answer = client.request(method, PATH, headers=dict(headers))
    return Answer(answer.status_code, dict(answer.headers), answer.content)


def ask_fastapi(method: str = "GET", headers: Mapping[str, str] = {}) -> Answer:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    app = FastAPI()
    app.add_route(PATH, asgi.ScriptEndpoint())  # type: ignore[arg-type]
    answer = TestClient(app).request(method, PATH, headers=dict(headers))
    return Answer(answer.status_code, dict(answer.headers), answer.content)


def ask_flask(method: str = "GET", headers: Mapping[str, str] = {}) -> Answer:
    from flask import Flask

    from countermark.flask import signatures_blueprint

    app = Flask(__name__)
    app.register_blueprint(signatures_blueprint)
    answer = app.test_client().open(PATH, method=method, headers=dict(headers))
    names = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status_code, names, answer.data)


def ask_django(method: str = "GET", headers: Mapping[str, str] = {}) -> Answer:
    from tests.frameworks.django_project import start

    start()
    from django.test import Client

    answer = Client().generic(method, PATH, headers=dict(headers))
    names = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status_code, names, answer.content)


ASKS = [ask_asgi, ask_wsgi, ask_starlette, ask_fastapi, ask_flask, ask_django]


@pytest.fixture(params=ASKS, ids=lambda ask: ask.__name__.removeprefix("ask_"))
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


def test_the_module_is_served_as_a_script_that_browsers_ask_for_again(ask: Ask) -> None:
    answer = ask()
    assert (answer.status, answer.body.decode()) == (200, module())
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["etag"].startswith('"')


def test_it_is_the_same_for_all_users(ask: Ask) -> None:
    assert {"vary", "set-cookie", "stigg-customer-token"}.isdisjoint(ask().headers)


def test_head_has_no_body(ask: Ask) -> None:
    get, head = ask(), ask("HEAD")
    assert head == get._replace(body=b"")


def test_a_browser_that_has_it_gets_a_304(ask: Ask) -> None:
    etag = ask().headers["etag"]
    for known in (etag, f"W/{etag}", f'"old", {etag}', "*"):
        answer = ask(headers={"If-None-Match": known})
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["cache-control"] == "no-cache"
        assert "content-type" not in answer.headers
    assert ask(headers={"If-None-Match": '"old"'}).status == 200


def test_other_methods_are_not_allowed(ask: Ask) -> None:
    answer = ask("POST")
    assert answer.status == 405
    assert {"GET", "HEAD"} <= set(answer.headers["allow"].split(", "))


def test_the_lines_of_the_header_are_one_list() -> None:
    etag = ask_asgi().headers["etag"]
    pairs = [(b"if-none-match", b'"old"'), (b"if-none-match", etag.encode())]
    start, _ = request(asgi.ScriptEndpoint(), http_scope(headers=pairs))
    assert start["status"] == 304


def test_websockets_are_closed_and_other_scopes_ignored() -> None:
    endpoint = asgi.ScriptEndpoint()
    assert request(endpoint, http_scope(type="websocket")) == [{"type": "websocket.close"}]
    assert request(endpoint, {"type": "lifespan"}) == []


def test_the_response_needs_no_protocol() -> None:
    assert respond_script("GET", None).body == module().encode()


def test_the_pattern_of_django_accepts_a_prefix_with_a_slash_and_without() -> None:
    ask_django()  # sets Django up
    from countermark.django.urls import urlpatterns

    _, script = urlpatterns
    assert script.check() == []
    assert script.resolve("/countermark.js")
    assert script.resolve("countermark.js")
    assert not script.resolve("//countermark.js")
