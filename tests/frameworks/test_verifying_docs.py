"""The page about verifying: its code runs in each framework, and its tables are the code's."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi.testclient import TestClient as FastAPIClient
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from werkzeug.test import Client

from countermark import Event, Keyring, Scheme, Signer
from countermark.errors import REFUSALS
from countermark.events import EventName, emit
from countermark.testing import tampered
from countermark.verifying._refusals import FORBIDDEN, HINTS
from tests.conftest import SECRET
from tests.frameworks.django_project import settings, start

start()

from django.test import Client as DjangoClient  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.urls import path as route  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from tests.frameworks.django_project.models import Person  # noqa: E402
from tests.frameworks.django_project.people import person  # noqa: E402

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = "".join(
    (DOCS / f"{name}.md").read_text(encoding="utf-8")
    for name in ("verifying", "enforcement", "refusals")
)
STIGG = Signer("stigg", Keyring(SECRET))
FLOW = Signer("cognito-flow", Keyring(SECRET))
HEADER = "X-CUSTOMER-KEY"

#: Asks for a path with a token, or None, and returns the status.
Ask = Callable[[str, str | None], int]


def section(heading: str) -> str:
    (text,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


def run(heading: str, nth: int = 0) -> dict[str, Any]:
    """Run the nth block of code under a heading, and return its names."""
    code = re.findall(r"^```python\n(.*?)^```$", section(heading), re.DOTALL | re.MULTILINE)[nth]
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "verifying.md", "exec"), names)
    return names


def given(token: str | None) -> dict[str, str]:
    return {} if token is None else {HEADER: token}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for slug in ("stigg", "cognito-flow"):
        monkeypatch.setenv(Scheme.load(slug).variable, SECRET)
    monkeypatch.setenv("VERIFYING_MODE", "enforce")


def by_test_client(app: Any) -> Ask:
    client = TestClient(app)
    return lambda path, token: client.get(path, headers=given(token)).status_code


def by_werkzeug(app: Any) -> Ask:
    client = Client(app)
    return lambda path, token: client.get(path, headers=given(token)).status_code


def asgi() -> Ask:
    return by_test_client(run("ASGI")["app"])


def wsgi() -> Ask:
    return by_werkzeug(run("WSGI")["app"])


def starlette() -> Ask:
    ask = by_test_client(run("Starlette")["app"])
    return lambda path, token: ask(f"/api{path}", token)


def fastapi() -> Ask:
    return by_test_client(run("FastAPI")["app"])


def flask() -> Ask:
    return by_werkzeug(run("Flask")["app"])


def django() -> Ask:
    application = run("Django", 1)["application"]
    urls = [route("accounts/<id>", run("Django", 2)["account"])]

    def ask(path: str, token: str | None) -> int:
        with override_settings(ROOT_URLCONF=tuple(urls)):
            return by_werkzeug(application)(path, token)

    return ask


def rest_framework() -> Ask:
    urls = [route("accounts/<id>", run("Django REST framework")["Account"].as_view())]
    apps = [*settings.INSTALLED_APPS, "rest_framework"]

    def ask(path: str, token: str | None) -> int:
        with override_settings(ROOT_URLCONF=tuple(urls), INSTALLED_APPS=apps):
            status: int = APIClient(headers=given(token)).get(path).status_code
            return status

    return ask


class People:
    """The rows of users, of which ``user-9`` is none."""

    def filter(self, pk: str) -> People:
        self.pk = pk
        return self

    def first(self) -> Any:
        return None if self.pk == "user-9" else person(self.pk)


# Each framework


@pytest.mark.parametrize(
    "make",
    [asgi, wsgi, starlette, fastapi, django, rest_framework, flask],
    ids=lambda f: f.__name__,
)
def test_a_customer_sees_only_their_own_account(
    make: Callable[[], Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Person, "objects", People())
    ask = make()
    for mine, other in (("user-1", "user-2"), ("user-2", "user-1")):
        assert ask(f"/accounts/{mine}", STIGG.sign(mine)) == 200
        assert ask(f"/accounts/{mine}", STIGG.sign(other)) == 403
        assert ask(f"/accounts/{mine}", tampered(STIGG.sign(mine))) == 401
        assert ask(f"/accounts/{mine}", None) == 401


def test_the_settings_of_django_verify() -> None:
    shown = run("Django")
    assert shown["COUNTERMARK_VERIFYING"]["MODE"] == "monitor"
    urls = (route("accounts/<id>", run("Django", 2)["account"]),)
    for mode, refused in (("monitor", 403), ("enforce", 401)):
        with override_settings(
            ROOT_URLCONF=urls,
            MIDDLEWARE=shown["MIDDLEWARE"],
            COUNTERMARK_VERIFYING={**shown["COUNTERMARK_VERIFYING"], "MODE": mode},
        ):
            client = DjangoClient()
            assert client.get("/accounts/user-1").status_code == refused
            token = {HEADER: STIGG.sign("user-1")}
            assert client.get("/accounts/user-1", headers=token).status_code == 200


def test_the_code_takes_the_mode_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIFYING_MODE", "monitor")
    assert asgi()("/accounts/user-1", None) == 403  # of the application
    monkeypatch.delenv("VERIFYING_MODE")
    with pytest.raises(KeyError, match="VERIFYING_MODE"):
        asgi()


def test_a_view_during_a_rollout_refuses_only_the_token_of_another_customer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, other = STIGG.sign("user-1"), STIGG.sign("user-2")
    statuses = {
        "off": {good: 200, other: 200, tampered(good): 200, None: 200},
        "monitor": {good: 200, other: 403, tampered(good): 200, None: 200},
        "enforce": {good: 200, other: 403, tampered(good): 401, None: 401},
    }
    for mode, expected in statuses.items():
        monkeypatch.setenv("VERIFYING_MODE", mode)
        ask = by_werkzeug(run("Views during a rollout")["app"])
        assert {token: ask("/accounts/user-1", token) for token in expected} == expected


def test_in_starlette_what_is_not_mounted_is_left_out_and_pages_may_ask() -> None:
    client = TestClient(run("Starlette")["app"])
    assert client.get("/health").text == "well"
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": HEADER,
    }
    assert client.options("/api/accounts/user-1", headers=asked).status_code == 200
    refused = client.get("/api/accounts/user-1", headers={"origin": "https://app.example"})
    assert refused.headers["access-control-allow-origin"] == "https://app.example"


@pytest.mark.parametrize(("heading", "nth"), [("Starlette", 1), ("FastAPI", 0)])
def test_anonymous_requests_pass_and_invalid_tokens_are_refused(heading: str, nth: int) -> None:
    client = TestClient(run(heading, nth)["app"])
    assert "Hello user-1" in client.get("/hello", headers=given(STIGG.sign("user-1"))).text
    assert "Hello stranger" in client.get("/hello").text
    refused = client.get("/hello", headers=given("bad"))
    assert refused.status_code == 401
    assert refused.json()["type"] == "urn:countermark:problem:malformed"


def test_in_fastapi_the_document_has_the_scheme_and_websockets_close_with_1008() -> None:
    names = run("FastAPI")
    app, whose = names["app"], names["Identity"]

    async def socket(websocket: Any, identity: Any) -> None:
        """Never run."""

    from fastapi import WebSocket

    socket.__annotations__ = {"websocket": WebSocket, "identity": whose}
    app.websocket("/ws")(socket)
    client = FastAPIClient(app)
    schemes = client.get("/openapi.json").json()["components"]["securitySchemes"]
    assert schemes["stigg-header-X-CUSTOMER-KEY"]["type"] == "apiKey"
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/ws"):
        pass
    assert closed.value.code == 1008


def test_rest_framework_refuses_an_unknown_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Person, "objects", People())
    ask = rest_framework()
    assert ask("/accounts/user-9", STIGG.sign("user-9")) == 401


def test_a_bare_signature_in_the_query() -> None:
    client = Client(run("Where the token is")["app"])
    mine = {"signature": FLOW.sign("user-1"), "customerReference": "user-1"}
    assert client.get("/", query_string=mine).text == "a session of user-1"
    other = client.get("/", query_string=mine | {"customerReference": "user-2"})
    assert other.status_code == 401


def test_a_function_can_exclude_requests() -> None:
    ask = by_werkzeug(run("What is left out")["app"])
    assert ask("/health", None) == 200
    assert ask("/healthy-accounts", None) == 401
    assert ask("/accounts/user-1", STIGG.sign("user-1")) == 200


# The tables


def test_the_table_of_codes_matches_the_responses() -> None:
    rows = [
        f"| `{code}` | {403 if code in FORBIDDEN else 401} | {meaning.capitalize()}."
        f" | {HINTS[code]} |"
        for code, meaning in REFUSALS.items()
    ]
    assert "\n".join(rows) in section("Codes")


def test_the_refusal_is_the_one_shown() -> None:
    shown = re.search(r"```json\n(.*?)```", section("The response"), re.DOTALL)
    assert shown is not None
    answer = Client(run("WSGI")["app"]).get("/accounts/user-1", headers=given("bad"))
    instance, example = answer.get_json()["instance"], json.loads(shown[1])
    example["type"] = example["type"].replace("expired", "malformed")
    example["detail"] = "The token is malformed."
    assert answer.get_json() == {**example, "instance": instance}
    assert re.fullmatch("urn:uuid:[0-9a-f-]{36}", instance)


def test_the_table_of_events_is_how_they_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", section("Events"), re.MULTILINE)
    receiving = {
        "verified",
        "refused",
        "would_refuse",
        "allowed",
        "failed",
        "leaked",
        "mode_changed",
    }
    assert {name for name, _ in rows} == receiving & set(get_args(EventName))
    with caplog.at_level(logging.DEBUG, "countermark"):
        for name, level in rows:
            caplog.clear()
            emit(Event(name, "current"), None)
            assert [record.levelname for record in caplog.records] == (
                [] if level == "not logged" else [level]
            )


def test_each_tenant_has_its_own_users() -> None:
    names = run("Tenants")
    signed = Signer("stigg", Keyring(names["SECRETS"]["acme"])).sign("user-1")
    client = Client(names["app"])
    for host, status in (("acme.example", 200), ("else.example", 403)):
        answer = client.get("/", headers={HEADER: signed}, base_url=f"https://{host}")
        assert answer.status_code == status


def test_a_file_sets_the_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = Client(run("Modes that change")["app"])
    assert client.get("/").status_code == 401  # live
    origin = {"Origin": "https://old.example"}
    assert client.get("/", headers=origin).status_code == 200


def test_the_first_sessions_are_allowed() -> None:
    client = Client(run("Unsigned sessions, origins")["app"])
    session = {"app.session_id": "s-1"}
    assert client.get("/", environ_overrides=session).status_code == 200
    assert client.get("/", headers={"Origin": "https://else.example"}).status_code == 403
