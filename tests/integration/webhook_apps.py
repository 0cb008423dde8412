"""Receivers of webhooks for the tests with real servers, which import them by name.

The environment says where handled deliveries are noted, and where Redis is.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from countermark import Keyring
from countermark.asgi import Receive, Scope, Send
from countermark.asgi import WebhookMiddleware as ASGIWebhookMiddleware
from countermark.redis import RedisStore
from countermark.webhooks import WebhookVerifier
from countermark.wsgi import WebhookMiddleware as WSGIWebhookMiddleware
from tests.drivers import Environ
from tests.webhooks.challenges import TOKEN
from tests.webhooks.samples import BASE_URL, KEY_ID, SECRET

MAX_BODY = 100_000
FOLDER = Path(os.environ.get("WEBHOOKS_FOLDER", "."))


def handle(body: bytes) -> int:
    """Note a delivery, wait if it says so, and return the status that it asks for."""
    with (FOLDER / "handled").open("a") as noted:
        noted.write(f"{len(body)} {body[:40].decode(errors='replace')}\n")
    wishes = json.loads(body) if body.startswith(b"{") else {}
    if wishes.get("wait"):
        (FOLDER / "waiting").touch()
        for _ in range(400):
            if (FOLDER / "go").exists():
                break
            time.sleep(0.025)
    return 500 if wishes.get("fail") and not (FOLDER / "repaired").exists() else 200


async def asgi_handler(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    status = handle((await receive())["body"])
    await send({"type": "http.response.start", "status": status, "headers": []})
    verified = scope["state"]["countermark_verified_webhook"]
    await send({"type": "http.response.body", "body": verified.scheme.encode()})


def wsgi_handler(environ: Environ, start_response: Any) -> list[bytes]:
    status = handle(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("200 OK" if status == 200 else "500 Oops", [("Content-Type", "text/plain")])
    return [environ["countermark.verified_webhook"].scheme.encode()]


def build(middleware: Any, handler: Any) -> Any:
    """Return *handler* with Stigg below /stigg, Cognito below /cognito, and so on."""
    url = os.environ.get("WEBHOOKS_REDIS")
    options: dict[str, Any] = {
        "store": RedisStore(url) if url else None,
        "max_body": MAX_BODY,
        "when_unavailable": os.environ.get("WEBHOOKS_POLICY", "fail_open"),
    }
    cognito = WebhookVerifier("cognito", {KEY_ID: Keyring(SECRET)})
    stigg = WebhookVerifier("stigg", Keyring(SECRET))
    meta = WebhookVerifier("meta", Keyring(SECRET), verify_token=Keyring(TOKEN))
    inner = middleware(handler, verifier=cognito, paths="/cognito", **options)
    inner = middleware(inner, verifier=meta, paths="/meta", **options)
    twilio = WebhookVerifier("twilio", Keyring(SECRET), base_url=BASE_URL)
    inner = middleware(inner, verifier=twilio, paths="/twilio", **options)
    return middleware(inner, verifier=stigg, paths="/stigg", **options)


asgi_app = build(ASGIWebhookMiddleware, asgi_handler)
wsgi_app = build(WSGIWebhookMiddleware, wsgi_handler)
