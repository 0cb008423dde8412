"""The README tells the truth: its code runs, its figures of size hold."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from countermark import Scheme
from tests.drivers import answer, http_scope, request

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def run(code: str, **names: Any) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "readme", **names}
    exec(compile(code, "README.md", "exec"), namespace)
    return namespace


def test_it_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_the_first_block_answers_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = Scheme.load("stigg").vectors[0]
    monkeypatch.setenv("STIGG_SIGNING_SECRET", vector.secret)
    app = run(blocks("python")[0])["app"]

    async def signed_in(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["user"] = type("User", (), {"id": vector.id, "is_authenticated": True})
        await app(scope, receive, send)

    response = TestClient(signed_in).get("/")
    status, *shown = blocks("http")[0].splitlines()
    assert status == f"HTTP/1.1 {response.status_code} OK"
    for line in shown:
        name, _, value = line.partition(": ")
        assert response.headers[name] == value
    body = response.json()
    assert body.pop("marker")
    assert body == {"stigg": {"customerId": vector.id, "customerToken": vector.token}}


def test_the_second_block_signs_and_verifies() -> None:
    run(blocks("python")[1])


def test_the_third_block_verifies_what_the_first_one_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = Scheme.load("stigg").vectors[0]
    monkeypatch.setenv("STIGG_SIGNING_SECRET", vector.secret)
    found: list[Any] = []
    app = run(blocks("python")[2], app=answer(before=lambda scope: found.append(scope["state"])))[
        "app"
    ]
    request(app, http_scope(headers=[(b"x-customer-key", vector.token.encode())]))
    request(app)
    assert found[0]["countermark_verified_identity"].principal_id == vector.id
    assert found[1]["countermark_verified_identity"] is None
    assert len(blocks("python")) == 3


def test_there_are_two_commands_to_set_up() -> None:
    assert len(blocks("sh")) == 2
    for block in blocks("sh"):
        assert len(block.splitlines()) == 1
        assert shlex.split(block)[:3] == ["python3", "-m", "venv"]


def test_the_table_has_every_scheme_with_its_names() -> None:
    for slug in ("stigg", "cognito-flow"):
        (row,) = [line for line in README.splitlines() if f"| `{slug}` |" in line]
        scheme = Scheme.load(slug)
        for name in (scheme.variable, str(scheme.header), *scheme.fields):
            assert name in row


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_changelog_knows_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text()
