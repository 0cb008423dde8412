"""The code of docs/rollout-page.md serves the page, to admins only."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.test import RequestFactory
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import TimestampSigner
from starlette.testclient import TestClient

from countermark.rollout import Meter
from countermark.wsgi import RolloutPage
from tests.drivers import call
from tests.frameworks.django_project import start
from tests.rollout.verdicts import verified

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/rollout-page.md").read_text(encoding="utf-8")
STARLETTE, FLASK, DJANGO = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)

start()


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "rollout-page.md", "exec"), names)
    return names


def test_the_page_in_starlette() -> None:
    names = run(STARLETTE)
    names["counts"](verified())
    with TestClient(names["app"]) as client:
        assert client.get("/rollout").status_code == 403
        session = base64.b64encode(b'{"role": "admin"}')
        cookie = TimestampSigner("a-long-and-random-secret").sign(session).decode()
        client.cookies.set("session", cookie)
        reply = client.get("/rollout")
    assert reply.status_code == 200
    assert "Not ready to enforce" in reply.text
    assert "1 of 1" in reply.text


def test_the_page_in_flask() -> None:
    app = run(FLASK)["app"]
    client = app.test_client()
    assert client.get("/rollout").status_code == 403
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    client.set_cookie("session", serializer.dumps({"role": "admin"}))
    reply = client.get("/rollout")
    assert reply.status_code == 200
    assert b"No requests were counted" in reply.data


def test_the_page_in_django() -> None:
    view = run(DJANGO)["rollout"]
    request: Any = RequestFactory().get("/rollout")
    request.user = SimpleNamespace(is_staff=False)
    assert view(request).status_code == 302

    request.user.is_staff = True
    reply = view(request)
    assert reply.status_code == 200
    assert "no-store" in reply["Cache-Control"]
    assert b'data-refresh="10"' in reply.content


def test_the_page_lists_the_headers_that_are_sent() -> None:
    for name, value in call(RolloutPage(Meter(), authorize=lambda environ: True)).headers:
        if not name.startswith(("Content-", "X-Robots")):
            assert f"`{name}: {value}`" in TEXT
