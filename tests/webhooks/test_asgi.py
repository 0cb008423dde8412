"""The webhook middleware for ASGI: verified and refused deliveries, paths and options."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import trio

from countermark import ConfigurationError, Keyring
from countermark.asgi import Message, Receive, Scope, Send, WebhookMiddleware
from tests.conftest import Events
from tests.drivers import answer
from tests.webhooks.exchanges import GOOD, Exchange, Handler, exchange, scope_of
from tests.webhooks.fake_store import Store
from tests.webhooks.samples import (
    BODY,
    SECRET,
    Delivery,
    cognito,
    github,
    sent,
    stigg,
    verifier,
)


def test_the_application_gets_the_delivery_as_it_came(events: Events) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, on_event=events)
    assert exchange(app, stigg()).status == 200
    (scope,) = handler.scopes
    verified = scope["state"]["countermark_verified_webhook"]
    assert (verified.scheme, verified.delivery_id, verified.role) == ("stigg", "evt-1", "current")
    assert handler.received == [{"type": "http.request", "body": BODY, "more_body": False}]
    assert [(event.name, event.reason, event.scheme) for event in events] == [
        ("verified", "current", "webhook:stigg")
    ]


def test_the_body_may_come_in_parts_and_then_the_connection_ends() -> None:
    received: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        received.extend([await receive(), await receive()])
        await answer()(scope, receive, send)

    parts: list[Message] = [{"type": "http.request", "body": BODY[:5], "more_body": True},
             {"type": "http.request", "more_body": True},
             {"type": "http.request", "body": BODY[5:]}]  # fmt: skip
    exchange(WebhookMiddleware(app, verifier=GOOD), stigg(), *parts)
    assert received == [
        {"type": "http.request", "body": BODY, "more_body": False},
        {"type": "http.disconnect"},
    ]


def test_a_request_gets_a_state_of_its_own() -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, duplicates="deliver")
    shared: dict[str, Any] = {"a": 1}
    for _ in range(2):
        exchange(app, stigg(), state=shared)
    for scope in handler.scopes:
        assert scope["state"]["a"] == 1
    assert handler.scopes[0]["state"] is not handler.scopes[1]["state"]
    assert shared == {"a": 1}
    scope = scope_of(stigg())
    del scope["state"]
    one = Exchange(stigg())
    one.scope = scope
    trio.run(one.run, app)
    assert "countermark_verified_webhook" in handler.scopes[-1]["state"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"raw_path": None},  # some servers have none
        {"root_path": "/hooks"},
    ],
)
def test_the_path_that_is_signed_is_the_one_that_was_sent(changes: dict[str, Any]) -> None:
    app = WebhookMiddleware(answer(), verifier=verifier("cognito"))
    assert exchange(app, cognito(), **changes).status == 200
    assert exchange(app, cognito()._replace(path="/hooks?x=2"), **changes).status == 401
    assert exchange(app, cognito()._replace(path="/hooks"), **changes).status == 401


def test_an_invalid_delivery_is_refused_with_a_reason(events: Events) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD, on_event=events)
    refused = exchange(app, stigg(secret="wrong"))
    assert (refused.status, handler.scopes) == (401, [])
    problem = json.loads(refused.sent[1]["body"])
    (event,) = events
    assert (event.name, event.reason) == ("refused", "mismatch")
    assert problem == {
        "type": "urn:countermark:problem:webhook_mismatch",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The signature does not match.",
        "instance": f"urn:uuid:{event.correlation}",
    }
    headers = refused.headers
    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == "no-store"
    assert headers["www-authenticate"] == 'Countermark realm="webhook:stigg", error="mismatch"'
    assert (
        exchange(app, stigg()._replace(headers={}))
        .headers["www-authenticate"]
        .endswith('error="missing"')
    )
    head = exchange(app, stigg(secret="wrong")._replace(method="HEAD"))
    assert (head.status, head.sent[1]["body"]) == (401, b"")


def test_a_duplicate_header_or_one_with_underscores_is_refused(events: Events) -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD, on_event=events)
    twice = Exchange(stigg())
    twice.scope["headers"] += [(b"stigg_webhooks_secret", SECRET.encode())]
    assert trio.run(twice.run, app).status == 401
    assert events[-1].reason == "ambiguous"


def never() -> Receive:
    async def receive() -> Message:
        raise AssertionError("the body was read")

    return receive


@pytest.mark.parametrize("scheme", ["github", "cognito", "standard-webhooks"])
def test_another_body_than_was_signed_is_refused(scheme: str, events: Events) -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=verifier(scheme), on_event=events)
    assert exchange(app, sent(scheme)._replace(body=b"{}")).status == 401
    assert handler.scopes == []
    assert [(event.name, event.reason) for event in events] == [
        ("refused", "digest_mismatch" if scheme == "cognito" else "mismatch")
    ]


@pytest.mark.parametrize("headers", [{}, stigg(secret="wrong").headers])
def test_a_delivery_without_a_valid_secret_is_refused_before_the_body_is_read(
    headers: dict[str, str],
) -> None:
    one = Exchange(Delivery(headers))
    trio.run(WebhookMiddleware(Handler(), verifier=GOOD), one.scope, never(), one.send)
    assert one.status == 401


@pytest.mark.parametrize("length", [b"11", b"0011", b"9" * 5000])
def test_a_body_with_too_large_a_content_length_is_not_read(length: bytes, events: Events) -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD, max_body=10, on_event=events)
    one = Exchange(stigg())
    one.scope["headers"].append((b"Content-Length", length))
    trio.run(app, one.scope, never(), one.send)
    assert one.status == 413
    assert "www-authenticate" not in one.headers
    assert json.loads(one.sent[1]["body"])["type"].endswith(":webhook_too_large")
    assert [event.reason for event in events] == ["too_large"]


def test_a_body_of_unknown_length_is_read_up_to_the_limit() -> None:
    app = WebhookMiddleware(Handler(), verifier=GOOD, max_body=10)
    part = {"type": "http.request", "body": b"12345", "more_body": True}
    last = {"type": "http.request", "body": b"12345", "more_body": False}
    assert exchange(app, stigg(), part, last).status == 200
    one = Exchange(stigg(), part, part, {**last, "body": b"1"}, last)
    trio.run(one.run, app)
    assert one.status == 413
    assert one.to_come == [last]
    for length in (b"10", b"x", b""):
        one = Exchange(stigg(), last)
        one.scope["headers"].append((b"content-length", length))
        assert trio.run(one.run, app).status == 200


def test_a_vendor_that_disconnects_gets_no_response() -> None:
    handler = Handler()
    app = WebhookMiddleware(handler, verifier=GOOD)
    part = {"type": "http.request", "body": BODY[:5], "more_body": True}
    assert exchange(app, stigg(), part, {"type": "http.disconnect"}).sent == []
    assert handler.scopes == []


@pytest.mark.parametrize(
    ("paths", "path", "covered"),
    [
        (None, "/anything", True),
        ("/hooks", "/hooks", True),
        ("/hooks", "/hooks/", True),
        ("/hooks", "/hooks/stigg", True),
        ("/hooks/", "/hooks", True),
        ("/hooks", "//hooks", True),
        ("/hooks/a", "/hooks//a///", True),
        ("/hooks", "/hooks2", True),
        ("/hooks", "/other/hooks", True),
        ("/hooks", "/", False),
        ("/", "/", True),
        ("/", "/x", True),
        (["/a", "/b"], "/b", True),
        (["/a", "/b"], "/c", False),
        (frozenset({"/a"}), "/a", True),
        # What some router reads otherwise: see tests/frameworks/test_webhooks_paths.py.
        ("/hooks", "", False),
        ("/hooks", "hooks", True),
        ("/hooks", "x:hooks", True),
        ("/hooks", "http://x/hooks", True),
        ("/hooks", "*", True),
        ("/hooks", "\n/hooks", True),
        ("/hooks", "/hooks\n", True),
        ("/hooks", "/ho\0ok\x7fs", True),
        ("/hooks", "/HOOKS", True),
        ("/hooks", "/hoo\u212as", True),
        ("/Hooks", "/hooks", True),
        ("/hooks", "/hooks;x", True),
        ("/hooks", "/\\hooks", True),
        ("/hooks/stigg", "/x/..", True),
        ("/hooks/stigg", "/./x", True),
        ("/hooks/stigg", "/x/..x", False),
        ("/hooks", "/@@hooks", True),
        # No framework reads this one so.
        ("/hooks/a", "/hooks%2fa", False),
    ],
)
def test_which_paths_are_verified(paths: Any, path: str, covered: bool) -> None:
    app = WebhookMiddleware(answer(), verifier=GOOD, paths=paths)
    found = exchange(app, Delivery({}, path=path))
    assert found.status == (401 if covered else 200)
    assert ("countermark_verified_webhook" in found.scope["state"]) is False


@pytest.mark.parametrize(
    ("path", "root", "covered"),
    [("/app/hooks", "/app", True), ("/hooks", "/app", True), ("/app/hooks", "", True),
     ("/app", "/app", False), ("/apple/hooks", "/app", True), ("/app", "/hooks", True),
     # Of frameworks that look for the root anywhere, and of one that does not ask.
     ("/x/app/hooks", "/app", True), ("/apphooks", "/app", True), ("/app//hooks", "/app/", True),
     ("/hooks/a", "/hooks", True), ("/apple/x", "/app", False), ("/other", "/app", False)],
)  # fmt: skip
def test_paths_are_relative_to_the_application(path: str, root: str, covered: bool) -> None:
    app = WebhookMiddleware(answer(), verifier=GOOD, paths="/hooks")
    found = exchange(app, Delivery({}, path=path), root_path=root)
    assert found.status == (401 if covered else 200)


def test_one_application_receives_webhooks_of_two_vendors() -> None:
    handler = Handler()
    inner = WebhookMiddleware(handler, verifier=GOOD, paths="/stigg")
    app = WebhookMiddleware(inner, verifier=verifier("github"), paths="/github")
    assert exchange(app, stigg()._replace(path="/stigg")).status == 200
    assert exchange(app, github()._replace(path="/github")).status == 200
    assert exchange(app, github()._replace(path="/stigg")).status == 401
    schemes = [scope["state"]["countermark_verified_webhook"].scheme for scope in handler.scopes]
    assert schemes == ["stigg", "github"]


def test_other_scopes_pass_and_websockets_are_closed() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    wrapped = WebhookMiddleware(app, verifier=GOOD, paths="/hooks")
    one = Exchange(stigg())
    one.scope = {"type": "lifespan"}
    trio.run(one.run, wrapped)
    one = Exchange(stigg(), type="websocket")
    trio.run(one.run, wrapped)
    assert one.sent == [{"type": "websocket.close", "code": 1008}]
    trio.run(Exchange(stigg()._replace(path="/ws"), type="websocket").run, wrapped)
    assert seen == ["lifespan", "websocket"]


@pytest.mark.parametrize(
    "options",
    [
        {"verifier": "stigg"},
        {"verifier": Keyring(SECRET)},
        {"max_body": 0},
        {"max_body": True},
        {"max_body": 1.5},
        {"paths": "hooks"},
        {"paths": []},
        {"paths": 5},
        {"paths": [b"/hooks"]},
        *[
            {"paths": path}
            for path in (
                "//hooks",
                "/hooks//x",
                "//",
                "/hooks?x=1",
                "/hooks#x",
                "/hooks/{id}",
                "/hooks/<id>",
                "/hooks/*",
                "/caf%C3%A9",
                "/hooks\n",
                ["/a", "/b//c"],
            )
        ],
        {"duplicates": "drop"},
        {"duplicates": None},
        {"when_unavailable": "open"},
        {"store": "redis://localhost"},
        {"store": Store(), "duplicates": "deliver"},
        {"on_event": 5},
        {"clock": 5},
    ],
)
def test_invalid_options_are_refused_at_construction(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"{next(reversed(options))}=|store="):
        WebhookMiddleware(answer(), **{"verifier": GOOD, **options})


def test_an_async_hook_is_refused() -> None:
    async def hook(event: Any) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="on_event="):
        WebhookMiddleware(answer(), verifier=GOOD, on_event=hook)


def test_logs_and_responses_show_no_secret_and_no_id(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app = WebhookMiddleware(Handler(500), verifier=GOOD, on_event=events)
    found = [exchange(app, delivery) for delivery in (stigg(), stigg(), stigg(), stigg(secret="x"))]
    seen = caplog.text + repr([vars(record) for record in caplog.records]) + repr(events)
    seen += repr([one.sent for one in found])
    assert "duplicate: done (scheme=webhook:stigg" in caplog.text
    for value in (SECRET, "evt-1", BODY.decode()):
        assert value not in seen
