"""Applications that answer with the keys that hold what the client wrote."""

from __future__ import annotations

import json
from typing import Any

from tests.frameworks.request_keys import written_keys


def wsgi_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(written_keys(environ)).encode()]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        body = json.dumps(written_keys(scope)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
