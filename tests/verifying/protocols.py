"""Requests in both protocols, and what became of them behind a VerifyingMiddleware."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from countermark import Keyring, Scheme, Signer, Verdict, VerifiedIdentity, Verifier, asgi, wsgi
from countermark.asgi import Message, Receive, Scope, Send
from tests.conftest import SECRET
from tests.drivers import Environ, call, http_scope

Pairs = Iterable[tuple[bytes, bytes]]

SIGNER = Signer("stigg", Keyring(SECRET))
VERIFIER = Verifier("stigg", Keyring(SECRET), environment="test")
HEADER = b"x-customer-key"
GOOD = SIGNER.sign("user-1")

FLOW_SIGNER = Signer("cognito-flow", Keyring(SECRET))
FLOW_VERIFIER = Verifier("cognito-flow", Keyring(SECRET))


def scope_of(headers: Pairs = (), method: str = "GET", query: bytes = b"", **more: Any) -> Scope:
    """Return the scope of a request, with the headers as they came."""
    return http_scope(headers=list(headers), method=method, query_string=query, **more)


def environ_of(headers: Pairs = (), method: str = "GET", query: bytes = b"") -> Environ:
    """Return the environ of a request, with headers folded as wsgiref's server does."""
    environ: Environ = {"REQUEST_METHOD": method, "QUERY_STRING": query.decode("latin-1")}
    for name, value in headers:
        key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


class Visit(NamedTuple):
    """What became of a request: what the client got, and what the application saw."""

    status: int
    headers: dict[str, str]
    body: bytes
    reached: bool
    identity: VerifiedIdentity | None
    verdict: Verdict | None

    @property
    def problem(self) -> dict[str, Any]:
        """The JSON of a refusal."""
        problem: dict[str, Any] = json.loads(self.body)
        return problem

    @property
    def code(self) -> str | None:
        """Why it was refused, or what the application was told."""
        if self.reached:
            return None if self.verdict is None else self.verdict.code
        code: str = self.problem["type"].rpartition(":")[2]
        return code


class Verdicts(list[Verdict]):
    """Collects verdicts as a meter."""

    __call__ = list.append


def visit_asgi(scope: Scope, **options: Any) -> Visit:
    """Send one request through the middleware, without an event loop."""
    seen: list[Any] = []
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        seen.append((state["countermark_verified_identity"], state["countermark_verdict"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive() -> Message:
        raise AssertionError("the middleware waits for the body")

    async def send(message: Message) -> None:
        sent.append(message)

    run_dry(asgi.VerifyingMiddleware(app, **{"mode": "monitor", **options})(scope, receive, send))
    start, body = sent
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    assert len(headers) == len(start["headers"])
    return Visit(
        start["status"], headers, body["body"], bool(seen), *(seen[0] if seen else (None, None))
    )


def visit_wsgi(environ: Environ, **options: Any) -> Visit:
    """Send one request through the middleware."""
    seen: list[Any] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append((environ[wsgi.VERIFIED_IDENTITY_KEY], environ[wsgi.VERDICT_KEY]))
        start_response("200 OK", [])
        return [b"ok"]

    answer = call(wsgi.VerifyingMiddleware(app, **{"mode": "monitor", **options}), **environ)
    headers = {name.lower(): value for name, value in answer.headers}
    assert len(headers) == len(answer.headers)
    status = int(answer.starts[0][0][:3])
    body = b"".join(answer.body)
    return Visit(status, headers, body, bool(seen), *(seen[0] if seen else (None, None)))


class Protocol(NamedTuple):
    """How to make a request and send it through a middleware."""

    name: str
    source: Callable[..., Any]
    visit: Callable[..., Visit]

    def __call__(
        self, *headers: tuple[bytes, bytes], method: str = "GET", query: bytes = b"", **options: Any
    ) -> Visit:
        options.setdefault("verifier", VERIFIER)
        options.setdefault("mode", "enforce")
        return self.visit(self.source(headers, method, query), **options)


ASGI = Protocol("asgi", scope_of, visit_asgi)
WSGI = Protocol("wsgi", environ_of, visit_wsgi)


def run_dry(coroutine: Any) -> None:
    """Run what waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


APP = "https://app.example"
ORIGIN = (b"origin", APP.encode())
TOKEN = (HEADER, GOOD.encode())
OTHER = "another-secret-of-the-tests-with-enough-bytes"
OLD = "an-older-secret-of-the-tests-with-enough-bytes"


def stigg(id: str = "user-1", secret: str = SECRET) -> tuple[bytes, bytes]:
    return HEADER, Signer("stigg", Keyring(secret)).sign(id).encode("latin-1")


DATED = Scheme.from_mapping(
    {
        "slug": "dated",
        "mac": {"algorithm": "sha256", "message": "{id}.{now:s}", "encoding": "hex"},
        "token": {"template": "{id}.{now:s}.{mac}"},
    }
)


def dated(now: float) -> Verifier:
    return Verifier(DATED, Keyring(SECRET), max_age=60, leeway=0, clock=lambda: now)


class Tenants:
    """Two tenants with keys of their own, by the host that was asked."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.keys = {"acme": SECRET, "umbrella": OTHER}

    def __call__(self, tenant: str) -> Verifier | None:
        self.loaded.append(tenant)
        if tenant == "broken":
            raise OSError(tenant)
        if tenant == "odd":
            return "stigg"  # type: ignore[return-value]
        if tenant == "bare":
            return FLOW_VERIFIER
        if tenant not in self.keys:
            return None
        return Verifier("stigg", Keyring(self.keys[tenant]), environment="test")
