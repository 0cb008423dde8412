"""The examples of the documentation give each user their own tokens alone."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docs.examples.bottle import app as bottle_example
from docs.examples.falcon import app as falcon_example
from docs.examples.flask import app as flask_example
from docs.examples.quart import app as quart_example
from starlette.testclient import TestClient
from werkzeug.test import Client

from countermark.testing import assert_own_identity_only
from tests.conftest import SECRET
from tests.frameworks.driver_litestar import create_example as create_litestar
from tests.frameworks.driver_pyramid import create_example as create_pyramid

ROOT = Path(__file__).resolve().parents[2]
USERS = {"ann": "user-1", "bob": "user-2"}
PATHS = ["/", "/signatures", "POST /sign-in", "POST /sign-out"]


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "SESSION_SECRET", "STIGG_SIGNING_SECRET"):
        monkeypatch.setenv(name, SECRET)


def with_password(path: str = "/sign-in") -> Callable[[Any, str], None]:
    def log_in(client: Any, user: str) -> None:
        assert client.post(path, data={"password": f"{user}'s password"}).status_code < 400

    return log_in


def by_post(client: Any) -> Any:
    return client.post("/sign-out")


@pytest.mark.parametrize("name", ["starlette", "fastapi"])
def test_an_example_with_accounts_has_no_fault(name: str) -> None:
    module = f"docs.examples.{name}.app"
    sys.modules.pop(module, None)  # it may have been imported with another secret
    example = importlib.import_module(module)

    def log_in(client: TestClient, user: str) -> None:
        sent: dict[str, Any] = {"name": user, "password": f"{user}'s password"}
        if name == "fastapi":
            response = client.post("/sign-in", json=sent)
        else:
            response = client.post("/sign-in", data=sent)
        assert response.status_code < 400

    assert_own_identity_only(
        lambda: TestClient(example.app, follow_redirects=False, base_url="https://testserver"),
        log_in,
        {"ann": "user-1", "ben": "user-2"},
        signers="stigg",
        logout=by_post,
    )


def test_the_example_of_flask_has_no_fault() -> None:
    app = flask_example.create_app()
    assert_own_identity_only(
        app.test_client, with_password(), USERS, signers="stigg", logout=by_post
    )


@pytest.mark.parametrize(
    ("create", "client"),
    [
        (create_litestar, TestClient),
        (quart_example.create_app, TestClient),
        (create_pyramid, Client),
        (bottle_example.create_app, Client),
    ],
    ids=["litestar", "quart", "pyramid", "bottle"],
)
def test_an_example_without_an_adapter_has_no_fault(
    create: Callable[[], Any], client: Callable[[Any], Any]
) -> None:
    app = create()
    assert_own_identity_only(
        lambda: client(app), with_password(), USERS, PATHS, signers="stigg", logout=by_post
    )


def test_the_example_of_falcon_has_no_fault() -> None:
    app = falcon_example.create_app()
    assert_own_identity_only(
        lambda: Client(app),
        with_password("/session"),
        USERS,
        ["/", "/signatures", "POST /session", "DELETE /session"],
        signers="stigg",
        logout=lambda client: client.delete("/session"),
    )


DJANGO = """
import app
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import setup_test_environment
from countermark.testing import assert_own_identity_only

setup_test_environment()
call_command("migrate", verbosity=0)
BLOCK
connection.close()
"""
PAGE = (ROOT / "docs/testing.md").read_text(encoding="utf-8")


def test_the_example_of_django_has_no_fault() -> None:
    environ = {**os.environ, "DATABASE": ":memory:"}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    (block,) = re.findall(r"In Django:\n\n```python\n(.*?)```", PAGE, re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", DJANGO.replace("BLOCK", block)],
        cwd=ROOT / "docs/examples/django",
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
