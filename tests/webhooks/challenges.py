"""Verification requests as vendors send them, through both middlewares."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from countermark import Event, Keyring, asgi, wsgi
from countermark.webhooks import WebhookScheme, WebhookVerifier
from tests.webhooks import exchanges, test_wsgi
from tests.webhooks.samples import NOW, SECRET, Delivery, base64, mac

TOKEN = "our-own-verify-token-canary-1f9e"
TEXT = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"


def get(query: Any, headers: dict[str, str] | None = None) -> Delivery:
    """Return a GET request with the parameters *query*: a mapping, pairs or a text."""
    text = query if isinstance(query, str) else urlencode(query)
    return Delivery(headers or {}, b"", "GET", f"/hooks?{text}" if text else "/hooks")


def meta(text: str = TEXT, token: str = TOKEN, mode: str = "subscribe") -> Delivery:
    return get({"hub.mode": mode, "hub.challenge": text, "hub.verify_token": token})


def signed(body: bytes, start: str, secret: str = SECRET, at: float = NOW) -> Delivery:
    """Return a delivery of Slack (``x-slack``) or Zoom (``x-zm``)."""
    code = mac(secret.encode(), f"v0:{int(at)}:".encode() + body).hex()
    headers = {f"{start}-request-timestamp": str(int(at)), f"{start}-signature": f"v0={code}"}
    return Delivery(headers, body)


def slack(text: Any = TEXT, kind: str = "url_verification", **options: Any) -> Delivery:
    content = {"token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": text, "type": kind}
    return signed(json.dumps(content).encode(), "x-slack", **options)


def zoom(text: Any = TEXT, event: str = "endpoint.url_validation", **options: Any) -> Delivery:
    content = {"payload": {"plainToken": text}, "event_ts": 1654503849680, "event": event}
    return signed(json.dumps(content).encode(), "x-zm", **options)


def toggl(text: Any = TEXT, **more: Any) -> Delivery:
    content = {"event_id": 0, "payload": "ping", "validation_code": text, **more}
    body = json.dumps(content).encode()
    return Delivery({"X-Webhook-Signature-256": f"sha256={mac(SECRET.encode(), body).hex()}"}, body)


def twitch(text: Any = TEXT, status: str = "webhook_callback_verification_pending") -> Delivery:
    content = {"challenge": text, "subscription": {"id": "1", "status": status}}
    body, start, at = (
        json.dumps(content).encode(),
        "Twitch-Eventsub-Message",
        "2023-11-14T22:13:20Z",
    )
    code = mac(SECRET.encode(), f"id-1{at}".encode() + body).hex()
    headers = {
        f"{start}-Id": "id-1",
        f"{start}-Timestamp": at,
        f"{start}-Signature": f"sha256={code}",
    }
    return Delivery(headers, body)


def okta(text: str = TEXT) -> Delivery:
    return get("", {"X-Okta-Verification-Challenge": text, "Authorization": SECRET})


class Asked(NamedTuple):
    """A verification request, and the answer that the vendor expects.

    Attributes:
        scheme: The scheme.
        delivery: The request, as a function of the challenge.
        answer: The answer, as a function of the challenge: a text, or the members of JSON.
        proof: The proof of the request.
    """

    scheme: str
    delivery: Callable[[str], Delivery]
    answer: Callable[[str], str | dict[str, str]]
    proof: str


def echo(text: str) -> str:
    return text


ASKED = [
    Asked("dropbox", lambda text: get({"challenge": text}), echo, "unsigned"),
    Asked(
        "linkedin",
        lambda text: get({"challengeCode": text}),
        lambda text: {
            "challengeCode": text,
            "challengeResponse": mac(SECRET.encode(), text.encode()).hex(),
        },
        "unsigned",
    ),
    Asked("nylas", lambda text: get({"challenge": text}), echo, "unsigned"),
    Asked("meta", meta, echo, "token"),
    Asked("slack", slack, echo, "signature"),
    Asked(
        "zoom",
        zoom,
        lambda text: {
            "plainToken": text,
            "encryptedToken": mac(SECRET.encode(), text.encode()).hex(),
        },
        "signature",
    ),
    Asked("toggl", toggl, lambda text: {"validation_code": text}, "signature"),
    Asked("twitch", twitch, echo, "signature"),
    Asked("okta", okta, lambda text: {"verification": text}, "unsigned"),
    Asked(
        "twitter",
        lambda text: get({"crc_token": text}),
        lambda text: {"response_token": f"sha256={base64(mac(SECRET.encode(), text.encode()))}"},
        "unsigned",
    ),
]
EACH = pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.scheme)
PROTOCOLS = pytest.mark.parametrize("protocol", ["asgi", "wsgi"])


def verifier(scheme: str | WebhookScheme, **options: Any) -> WebhookVerifier:
    """Return a verifier with the keys of the samples, and the verify token if there is one."""
    loaded = WebhookScheme.load(scheme) if isinstance(scheme, str) else scheme
    if loaded.challenge is not None and loaded.challenge.token is not None:
        options = {"verify_token": Keyring(TOKEN), **options}
    return WebhookVerifier(loaded, Keyring(SECRET), **{"clock": lambda: NOW, **options})


class Got(NamedTuple):
    """The response to a request.

    Attributes:
        status: The status.
        headers: The headers, with names in lower case.
        body: The body.
        passed_on: The number of requests that reached the application.
        request: The scope or the environ, afterwards.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    passed_on: int
    request: dict[str, Any]


def send(
    protocol: str,
    own: WebhookVerifier,
    delivery: Delivery,
    on_event: Callable[[Event], object] | None = None,
    **changes: Any,
) -> Got:
    """Send a request through a middleware."""
    options: dict[str, Any] = {"verifier": own, "on_event": on_event}
    if protocol == "asgi":
        handler = exchanges.Handler()
        found = exchanges.exchange(asgi.WebhookMiddleware(handler, **options), delivery, **changes)
        body = b"".join(message.get("body", b"") for message in found.sent[1:])
        headers = {name.lower(): value for name, value in found.headers.items()}
        return Got(found.status, headers, body, len(handler.scopes), found.scope)
    handled = test_wsgi.Handler()
    environ = test_wsgi.environ_of(delivery, **changes)
    starts: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        starts.append((status, headers))

    app: Any = wsgi.WebhookMiddleware(handled, **options)
    body = b"".join(app(environ, start_response))
    ((status, pairs),) = starts
    headers = {name.lower(): value for name, value in pairs}
    return Got(int(status[:3]), headers, body, len(handled.environs), environ)
