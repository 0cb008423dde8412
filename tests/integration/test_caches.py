"""Behind caches that are more careless than the rules allow, nobody gets another's token."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.apps import PATHS, SIGNER
from tests.integration.servers import fetch, free_port, python, running

NGINX = """
daemon off; worker_processes 1; user {user}; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache keys_zone=pages:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {origin};
      proxy_cache pages;
      proxy_cache_valid any 60s;  # store whatever does not forbid it
      add_header X-Cache $upstream_cache_status;
    }}
  }}
}}
"""

VARNISH = """
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{port}"; }}
sub vcl_recv {{ return (hash); }}  # although there are cookies
sub vcl_backend_response {{
  if (beresp.http.Cache-Control ~ "private|no-store") {{ set beresp.uncacheable = true; }}
  else {{ set beresp.ttl = 60s; }}
}}
sub vcl_deliver {{ set resp.http.X-Cache = obj.hits; }}
"""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = python("-m", "uvicorn", "tests.integration.apps:asgi_app", "--port", str(port))
    with running(command, port, tmp_path_factory.mktemp("origin") / "log") as address:
        yield address


@pytest.fixture(params=["nginx", "varnishd"])
def cache(
    request: pytest.FixtureRequest,
    origin: str,
    need_binary: Callable[[str], str],
    tmp_path: Path,
) -> Iterator[str]:
    """Return the address of a cache before the origin, empty at first."""
    program, port = need_binary(request.param), free_port()
    configuration = tmp_path / "configuration"
    if request.param == "nginx":
        user = getpass.getuser()  # whoever runs the tests owns the folder
        text = NGINX.format(folder=tmp_path, port=port, origin=origin, user=user)
        configuration.write_text(text)
        command = [program, "-c", str(configuration), "-e", str(tmp_path / "error")]
    else:
        configuration.write_text(VARNISH.format(port=origin.rpartition(":")[2]))
        command = [program, "-F", "-a", f"127.0.0.1:{port}", "-f", str(configuration)]
        command += ["-n", str(tmp_path / "varnish"), "-s", "default,16m", "-T", "none"]
        command += ["-j", "none"]
    with running(command, port, tmp_path / "log") as address:
        yield address


@pytest.mark.parametrize("path", PATHS)
def test_users_and_visitors_in_turn(cache: str, path: str) -> None:
    for turn in range(120):
        user = ("user-1", None, "user-2")[turn % 3]
        headers = {"Cookie": f"user={user}"} if user else {}
        if turn % 5 == 0:
            headers["If-None-Match"] = '"1"'
        reply = fetch(cache + path, headers=headers)
        assert reply.status == 200 or (reply.status == 304 and path == "/validated")
        token = reply.headers.get("stigg-customer-token")
        if path in ("/", "/revalidated"):
            assert token == (SIGNER.sign(user) if user else None)
            assert reply.body.decode() == (token or "nobody")
        else:
            assert token is None


def test_a_page_for_everybody_is_still_served_from_the_cache(cache: str) -> None:
    replies = [fetch(cache + "/public").headers["x-cache"] for _ in range(2)]
    assert replies[1] not in ("0", "MISS")


def test_a_page_with_a_token_never_is(cache: str) -> None:
    for _ in range(3):
        reply = fetch(cache + "/", headers={"Cookie": "user=user-1"})
        assert reply.headers["x-cache"] in ("0", "MISS")
