"""The example is a site that works, and the page shows its settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from countermark import Scheme
from tests.frameworks.cases import SECRET, signers

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/examples/django/app.py"
PAGE = (ROOT / "docs/django.md").read_text(encoding="utf-8")

VISIT = """
import app
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

call_command("migrate", verbosity=0)
user = User.objects.create_user("ann", password="p")
client = Client(SERVER_NAME="localhost", enforce_csrf_checks=False)
for method, path, data in [
    ("get", "/", None),
    ("get", "/signatures", None),
    ("get", "/login/", None),
    ("post", "/login/", {"username": "ann", "password": "p"}),
    ("get", "/", None),
    ("get", "/signatures", None),
    ("post", "/logout/", None),
    ("get", "/", None),
]:
    response = getattr(client, method)(path, data)
    body = response.content.decode()
    print(response.status_code, response.get("stigg-customer-token"), TOKEN in body)
connection.close()
"""


def run(*arguments: str, database: Path) -> list[str]:
    environ = {**os.environ, "STIGG_SIGNING_SECRET": SECRET, "DATABASE": str(database)}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    ran = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=EXAMPLE.parent,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_signing_in_and_out(tmp_path: Path) -> None:
    token = signers()[0].sign(1)
    lines = run("-c", f"TOKEN = {token!r}\n{VISIT}", database=tmp_path / "db")
    assert lines == [
        "200 None False",
        "401 None False",
        "200 None False",
        f"302 {token} False",
        f"200 {token} True",
        f"200 {token} True",
        "302 None False",
        "200 None False",
    ]


def test_its_commands(tmp_path: Path) -> None:
    (checked,) = run("app.py", "check", "--fail-level", "WARNING", database=tmp_path / "db")
    assert checked == "System check identified no issues (0 silenced)."
    (line,) = run("app.py", "countermark", database=tmp_path / "db")
    count = len(Scheme.load("stigg").vectors)
    assert line.endswith(f"examples right: {count} of {count}")


def test_the_page_shows_the_settings_of_the_example() -> None:
    source = EXAMPLE.read_text(encoding="utf-8")
    shown = source.partition("# settings\n")[2].partition("# end of the settings\n")[0]
    assert f"```python\n{shown}```\n" in PAGE


def test_the_page_shows_the_resolver_that_is_tested() -> None:
    source = (ROOT / "tests/frameworks/django_project/people.py").read_text(encoding="utf-8")
    shown = PAGE.partition("def resolve(request):\n")[2].partition("```")[0]
    assert shown in source


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) <= 100
    assert [line for line in PAGE.splitlines() if len(line) > 120] == []
    assert re.search(r"[^\x00-\x7f…]", PAGE) is None
