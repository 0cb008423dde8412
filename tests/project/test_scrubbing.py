"""What the real Sentry SDK records of requests with a secret or a token."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.project.sentry_apps import ASGI, SECRET, TOKEN, WSGI

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", [*ASGI, *WSGI])
def test_error_reports_show_no_secret_and_with_the_function_of_the_page_no_token(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.project.sentry_apps", name],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=ROOT,
    )
    found: dict[str, list[dict[str, Any]]] = json.loads(ran.stdout)
    for events in found.values():
        assert "ZeroDivisionError" in json.dumps(events)  # otherwise nothing was reported
    for kind in ("webhook scrubbed", "token scrubbed"):
        assert SECRET not in json.dumps(found[kind])
        assert TOKEN not in json.dumps(found[kind])
    assert name == "django" or TOKEN in json.dumps(
        found["token"]
    )  # so there is something to remove
    for event in found["webhook"]:
        if name in WSGI:  # the SDK copies these headers before any middleware runs
            event.get("request", {}).pop("headers", None)
        assert SECRET not in json.dumps(event)
