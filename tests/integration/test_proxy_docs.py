"""The page about proxies: each set-up works, and a client that writes the headers gets nothing."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from countermark import Keyring, Signer
from tests.integration.nginx import nginx
from tests.integration.servers import ROOT, fetch, free_port, python, running
from tests.resolvers.assertions import EC_KEY, OTHER_EC_KEY, RSA_KEY, jwk, pem, signed

PAGE = (ROOT / "docs/behind-a-proxy.md").read_text(encoding="utf-8")
SECRET = "a-secret-of-the-tests-with-enough-bytes"
SIGNER = Signer("stigg", Keyring(SECRET))
USER = "X-Forwarded-User"

SHOP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    signed = (await scope["state"]["countermark"].load()).get("stigg")
    body = signed.token.encode() if signed else b"anonymous"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


def block(heading: str, language: str) -> str:
    """Return the only block of code in *language* under a heading."""
    (text,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return str(code)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the application that the page imports."""
    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.setenv("STIGG_SIGNING_SECRET", SECRET)
    return tmp_path


def served(folder: Path, code: str, *options: str) -> Any:
    """Serve the page's code by uvicorn."""
    (folder / "main.py").write_text(code)
    port = free_port()
    command = python("-m", "uvicorn", *options, f"--app-dir={folder}", f"--port={port}", "main:app")
    return running(command, port, folder / "uvicorn.log")


def token_of(address: str, headers: dict[str, str] | None = None) -> str:
    reply = fetch(address, headers=headers)
    assert reply.status == 200
    assert reply.headers.get("stigg-customer-token", "anonymous") == reply.body.decode()
    return reply.body.decode()


class Responder(BaseHTTPRequestHandler):
    """Answers a GET of a known path with a body, and oauth2-proxy's path by the cookie."""

    known: dict[str, bytes]

    def do_GET(self) -> None:
        body = self.known.get(self.path)
        user = re.search("user=([a-z0-9-]+)", self.headers.get("Cookie", ""))
        if self.path == "/oauth2/auth":
            self.send_response(202 if user else 401)
            if user:
                self.send_header("X-Auth-Request-User", user[1])
        else:
            self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *arguments: object) -> None:
        return None


@pytest.fixture
def responder() -> Iterator[Callable[[dict[str, bytes]], str]]:
    """Return a function that starts a server with these bodies by path."""
    servers: list[HTTPServer] = []

    def start(known: dict[str, bytes]) -> str:
        handler = type("Known", (Responder,), {"known": known})
        server = HTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_nginx_names_the_user(folder: Path, need_binary: Callable[[str], str]) -> None:
    options = re.findall("--no-proxy-headers", block("nginx", "sh"))
    (folder / "htpasswd").write_text("ann:{PLAIN}secret\n")
    port = free_port()
    basic = {"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()}
    with served(folder, block("nginx", "python"), *options) as origin:
        server = (
            block("nginx", "nginx")
            .replace("listen 80", f"listen 127.0.0.1:{port}")
            .replace("http://127.0.0.1:8000", origin)
            .replace("/etc/nginx/htpasswd", str(folder / "htpasswd"))
        )
        with nginx(need_binary("nginx"), server, port, folder) as proxy:
            assert token_of(proxy, basic) == SIGNER.sign("ann")
            for name in (USER, "X_Forwarded_User"):
                assert token_of(proxy, {**basic, name: "ceo"}) == SIGNER.sign("ann")
            forged = {**basic, "X-Forwarded-For": "10.9.8.7", "Forwarded": "for=10.9.8.7"}
            assert token_of(proxy, forged) == SIGNER.sign("ann")
            assert fetch(proxy, headers={USER: "ceo"}).status == 401


def test_the_setup_for_nginx_gives_nothing_under_uvicorns_defaults(
    folder: Path, need_binary: Callable[[str], str]
) -> None:
    with served(folder, block("nginx", "python")) as origin:
        claim = {USER: "ceo", "X-Forwarded-For": "127.0.0.1"}
        assert token_of(origin, claim) == "anonymous"
        claim["X-Forwarded-For"] += ":8080"
        assert token_of(origin, claim) == "anonymous"


def test_oauth2_proxy_names_the_user(
    folder: Path,
    need_binary: Callable[[str], str],
    responder: Callable[[dict[str, bytes]], str],
) -> None:
    """A stand-in answers as oauth2-proxy does: 202 with a header, or 401."""
    sign_in = responder({"/oauth2/sign_in": b"sign in here"})
    port = free_port()
    with served(folder, block("nginx", "python"), "--no-proxy-headers") as origin:
        server = (
            block("oauth2-proxy", "nginx")
            .replace("listen 80", f"listen 127.0.0.1:{port}")
            .replace("http://127.0.0.1:8000", origin)
            .replace("http://127.0.0.1:4180", sign_in)
        )
        with nginx(need_binary("nginx"), server, port, folder) as proxy:
            ann = {"Cookie": "user=ann"}
            assert token_of(proxy, ann) == SIGNER.sign("ann")
            forged = {USER: "ceo", "X-Auth-Request-User": "ceo"}
            assert token_of(proxy, ann | forged) == SIGNER.sign("ann")
            assert fetch(proxy, headers=forged).body == b"sign in here"
            assert fetch(proxy + "/oauth2/auth", headers=ann).status == 404


def in_a_while(seconds: float) -> int:
    return int(time.time() + seconds)


def signed_setup(heading: str) -> tuple[str, dict[str, Any], dict[str, Any], Any]:
    """Return the code of a set-up, and the header, claims and key of a good token for it."""
    code = block(heading, "python")
    text = dict(re.findall(r'(issuer|audience|client|signer)="([^"]+)"', code))
    claims = {"sub": "ann", "email": "ann@example.org", "exp": in_a_while(60)}
    if heading == "An AWS load balancer":
        head = {name: text[name] for name in ("client", "signer")}
        head |= {"alg": "ES256", "kid": "k1", "iss": text["issuer"], "exp": claims["exp"]}
        return code, head, claims, EC_KEY
    if heading == "Google IAP":
        claims |= {"iss": text["issuer"], "aud": text["audience"]}
        return code, {"alg": "ES256", "kid": "k1"}, claims, EC_KEY
    team = "https://myteam.cloudflareaccess.com"
    claims |= {"iss": team, "aud": [text["audience"]], "type": "app"}
    return code, {"alg": "RS256", "kid": "k1"}, claims, RSA_KEY


HEADERS = {
    "An AWS load balancer": "X-Amzn-Oidc-Data",
    "Cloudflare Access": "Cf-Access-Jwt-Assertion",
    "Google IAP": "X-Goog-IAP-JWT-Assertion",
}


@pytest.mark.parametrize("heading", HEADERS)
def test_a_signed_header_names_the_user(
    heading: str, folder: Path, responder: Callable[[dict[str, bytes]], str]
) -> None:
    code, head, claims, key = signed_setup(heading)
    keys = json.dumps({"keys": [jwk(OTHER_EC_KEY, "k0"), jwk(key, "k1")]}).encode()
    vendor = responder({"/keys": keys, "/k1": pem(key).encode()})
    code = re.sub(r'KeySet\(f?"[^"]+"\)', f'KeySet("{vendor}/keys")', code)
    code = re.sub(r"^URL = .*$", f'URL = "{vendor}"', code, flags=re.MULTILINE)
    aws = heading == "An AWS load balancer"
    name, good = HEADERS[heading], signed(key, head, claims, padded=aws)
    with served(folder, block("Keys that change", "python") + code) as address:
        assert token_of(address, {name: good}) == SIGNER.sign("ann")
        assert token_of(address) == "anonymous"
        for bad in (
            signed(key, head, claims | {"exp": in_a_while(-60)}),
            signed(key, head | {"exp": in_a_while(-60)}, claims | {"aud": "x"}),
            signed(OTHER_EC_KEY, head | {"alg": "ES256"}, claims),
            signed(OTHER_EC_KEY, head | {"alg": "ES256", "kid": "k0"}, claims | {"iss": "x"}),
            good[:-8] + "AAAAAAAA",
        ):
            assert token_of(address, {name: bad}) == "anonymous"
        assert token_of(address, {USER: "ceo", "X-Forwarded-For": "127.0.0.1"}) == "anonymous"


def test_keys_are_fetched_rarely_for_a_kid_that_is_not_known(
    responder: Callable[[dict[str, bytes]], str],
) -> None:
    names: dict[str, Any] = {}
    exec(compile(block("Keys that change", "python"), "behind-a-proxy.md", "exec"), names)
    known = {"/keys": json.dumps({"keys": [{"kid": "k1"}]}).encode()}
    keys, now = names["KeySet"](responder(known) + "/keys"), [1000.0]
    names["time"] = SimpleNamespace(monotonic=lambda: now[0])
    assert (keys("k1"), keys("k2")) == ({"kid": "k1"}, None)
    known["/keys"] = json.dumps({"keys": [{"kid": "k2"}]}).encode()
    now[0] += 300
    assert (keys("k1"), keys("k2")) == ({"kid": "k1"}, None)
    now[0] += 1
    assert (keys("k2"), keys("k1")) == ({"kid": "k2"}, None)
