"""No resolver can be made for a key under which a server puts what the client wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.frameworks.request_keys import HEADERS, MARK, PATH
from tests.frameworks.test_request_keys import assert_refused
from tests.integration.servers import fetch, free_port, python, running

APPS = "tests.integration.request_keys_apps"
WSGI_CODE = f"from {APPS} import wsgi_app; run('127.0.0.1', {{port}}, wsgi_app)"
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "-b", "127.0.0.1:{port}", f"{APPS}:wsgi_app"],
    "gunicorn with threads": [
        "-m", "gunicorn", "--threads", "2", "-b", "127.0.0.1:{port}", f"{APPS}:wsgi_app",
    ],
    "werkzeug": [
        "-c",
        "from werkzeug.serving import run_simple as run; " + WSGI_CODE,
    ],
    "wsgiref": [
        "-c",
        "from wsgiref.simple_server import make_server;"
        "run = lambda *given: make_server(*given).serve_forever(); " + WSGI_CODE,
    ],
    "hypercorn, WSGI": ["-m", "hypercorn", "-b", "127.0.0.1:{port}", f"wsgi:{APPS}:wsgi_app"],
    "hypercorn": ["-m", "hypercorn", "-b", "127.0.0.1:{port}", f"{APPS}:asgi_app"],
    "uvicorn": ["-m", "uvicorn", "--lifespan", "off", "--port", "{port}", f"{APPS}:asgi_app"],
}  # fmt: skip


@pytest.mark.parametrize("server", SERVERS)
def test_every_key_with_request_data_is_refused(server: str, tmp_path: Path) -> None:
    port = free_port()
    command = python(*(part.replace("{port}", str(port)) for part in SERVERS[server]))
    with running(command, port, tmp_path / "log") as address:
        reply = fetch(f"{address}{PATH}?q={MARK}", headers=HEADERS)
    keys = json.loads(reply.body)
    assert {"PATH_INFO", "QUERY_STRING"} <= set(keys) or {"path", "query_string"} <= set(keys)
    assert_refused(keys)
