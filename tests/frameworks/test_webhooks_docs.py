"""The page about webhooks: its code runs in each framework, on real deliveries."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from werkzeug.test import Client

from tests.frameworks.django_project import start
from tests.webhooks.samples import BODY, SECRET, Delivery, mac

start()

from django.test import override_settings  # noqa: E402
from django.urls import path as route  # noqa: E402

PAGE = (Path(__file__).resolve().parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")
PATH = "/hooks/stripe"

#: Delivers, and returns the status.
Deliver = Callable[[Delivery], int]


def stripe(secret: str = SECRET) -> Delivery:
    """Return a delivery as Stripe makes it now."""
    now = int(time.time())
    code = mac(secret.encode(), f"{now}.".encode() + BODY).hex()
    return Delivery({"Stripe-Signature": f"t={now},v1={code}"}, BODY)


def blocks(heading: str) -> list[str]:
    (text,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def run(heading: str, nth: int, replaced: Mapping[str, str]) -> dict[str, Any]:
    """Run the nth block of code under a heading, with texts *replaced*; return its names."""
    code = blocks(heading)[nth]
    for old, new in replaced.items():
        code = code.replace(old, new)
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "webhooks.md", "exec", dont_inherit=True), names)
    return names


def by_test_client(app: Any) -> Deliver:
    client = TestClient(app, raise_server_exceptions=False)
    return lambda delivery: (
        client.post(PATH, content=delivery.body, headers=delivery.headers).status_code
    )


def by_werkzeug(app: Any) -> Deliver:
    client = Client(app)
    return lambda delivery: (
        client.post(
            PATH, data=delivery.body, headers=delivery.headers, content_type="application/json"
        ).status_code
    )


@contextlib.contextmanager
def mounted(replaced: Mapping[str, str] = {}) -> Iterator[Deliver]:
    yield by_test_client(run("FastAPI and Starlette", 0, replaced)["app"])


@contextlib.contextmanager
def around_fastapi(replaced: Mapping[str, str] = {}) -> Iterator[Deliver]:
    yield by_test_client(run("FastAPI and Starlette", 1, replaced)["app"])


@contextlib.contextmanager
def mounted_in_flask(replaced: Mapping[str, str] = {}) -> Iterator[Deliver]:
    yield by_werkzeug(run("Flask", 0, replaced)["app"])


@contextlib.contextmanager
def around_flask(replaced: Mapping[str, str] = {}) -> Iterator[Deliver]:
    yield by_werkzeug(run("Flask", 1, replaced)["app"])


@contextlib.contextmanager
def django(
    replaced: Mapping[str, str] = {}, *, server: int = 0, by: Any = by_werkzeug
) -> Iterator[Deliver]:
    view = run("Django", server + 1, replaced)["stripe"]
    with override_settings(
        ROOT_URLCONF=(route(PATH[1:], view),),
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
    ):
        yield by(run("Django", server, replaced)["application"])


@contextlib.contextmanager
def async_django(replaced: Mapping[str, str] = {}) -> Iterator[Deliver]:
    with django(replaced, server=2, by=by_test_client) as deliver:
        yield deliver


FRAMEWORKS = pytest.mark.parametrize(
    "framework",
    [mounted, around_fastapi, mounted_in_flask, around_flask, django, async_django],
    ids=lambda framework: framework.__name__,
)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)


@FRAMEWORKS
def test_a_delivery_is_handled_once_and_no_other_is(
    framework: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with framework() as deliver:
        assert deliver(stripe("another-" + SECRET)) == 401
        assert deliver(Delivery({})) == 401
        assert capsys.readouterr().out == ""
        assert [deliver(stripe()) for _ in range(2)] == [204, 200]
        assert capsys.readouterr().out == f"evt-1 {json.loads(stripe().body)}\n"


@FRAMEWORKS
def test_without_the_middleware_the_handler_does_nothing(
    framework: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """As if somebody had moved the route, or mounted the wrong application."""
    somewhere = {
        'WebhookMiddleware(hooks, verifier=WebhookVerifier.from_env("stripe"))': "hooks",
        'paths="/hooks/stripe"': 'paths="/elsewhere"',
    }
    with framework(somewhere) as deliver:
        assert deliver(stripe()) == 500
    assert capsys.readouterr().out == ""


def test_django_refuses_what_is_not_exempt(capsys: pytest.CaptureFixture[str]) -> None:
    with django({"@csrf_exempt": ""}) as deliver:
        assert deliver(stripe()) == 403
    assert capsys.readouterr().out == ""
