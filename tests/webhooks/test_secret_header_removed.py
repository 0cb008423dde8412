"""The secret of a checked webhook is removed from every reference to the request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from countermark import asgi, wsgi
from tests.drivers import asend, call, http_scope
from tests.webhooks.samples import SECRET, github, stigg, verifier

NAME = b"stigg-webhooks-secret"


def asgi_request(headers: Any) -> list[Any]:
    """Return the scopes that the server, an outer layer and the application hold afterwards."""
    scope = http_scope(method="POST", headers=headers)
    held: list[Any] = [scope, {**scope}]

    async def app(inner: Any, receive: Any, send: Any) -> None:
        held.append(inner)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    asyncio.run(asend(asgi.WebhookMiddleware(app, verifier=verifier("stigg")), scope))
    return held


@pytest.mark.parametrize("name", [NAME, NAME.title(), NAME.replace(b"-", b"_")])
@pytest.mark.parametrize("value", [SECRET, "a-wrong-" + SECRET])
def test_the_secret_is_removed_from_the_scope(name: bytes, value: str) -> None:
    headers = [(b"host", b"a.example"), (name, value.encode()), (b"x-a", b"1")]
    held = asgi_request(headers)
    assert headers == [(b"host", b"a.example"), (b"x-a", b"1")]
    for scope in held:
        assert value not in repr(scope)


def test_immutable_headers_are_replaced() -> None:
    server, _, app = asgi_request(((b"host", b"a.example"), (NAME, SECRET.encode())))
    assert SECRET not in repr(app)
    assert SECRET not in repr(server)


@pytest.mark.parametrize("value", [SECRET, "a-wrong-" + SECRET])
def test_the_secret_is_removed_from_the_environ(value: str) -> None:
    environ: dict[str, Any] = {}

    def app(inner: Any, start_response: Any) -> list[bytes]:
        environ.update(inner)
        start_response("200 OK", [])
        return []

    given = {"HTTP_STIGG_WEBHOOKS_SECRET": value, "REQUEST_METHOD": "POST"}
    call(wsgi.WebhookMiddleware(app, verifier=verifier("stigg")), **given)
    assert value not in repr(environ)


def test_signatures_are_not_removed() -> None:
    """They prove one body, and are harmless without the secret."""
    delivery = github()
    headers = [(name.lower().encode(), value.encode()) for name, value in delivery.headers.items()]
    before = headers.copy()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["headers"] == before

    scope = http_scope(method="POST", headers=headers)
    asyncio.run(asend(asgi.WebhookMiddleware(app, verifier=verifier("github")), scope))
    assert headers == before
    assert stigg().headers == {"Stigg-Webhooks-Secret": SECRET}
