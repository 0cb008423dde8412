"""Verifying under ASGI: websockets, the state, what may wait."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import trio
import trio.lowlevel

from countermark import ConfigurationError, StoreUnavailable
from countermark.asgi import Message, Receive, Scope, Send, SigningMiddleware, VerifyingMiddleware
from countermark.verifying import Allowance, from_query
from tests.drivers import answer, asend, http_scope, request
from tests.verifying.protocols import (
    FLOW_SIGNER,
    FLOW_VERIFIER,
    GOOD,
    HEADER,
    SIGNER,
    VERIFIER,
    Verdicts,
    run_dry,
    scope_of,
)

TOKEN = (HEADER, GOOD.encode())


def websocket(*headers: tuple[bytes, bytes], **changes: Any) -> Scope:
    scope = http_scope(type="websocket", headers=list(headers), **changes)
    del scope["method"]
    return scope


def connect(scope: Scope, **options: Any) -> tuple[list[Message], list[Scope]]:
    """Open a websocket; returns what was sent, and the scopes the application saw."""
    seen: list[Scope] = []
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({"type": "websocket.accept"})

    async def receive() -> Message:
        raise AssertionError("the middleware waits for something")

    async def send(message: Message) -> None:
        sent.append(message)

    options = {"verifier": VERIFIER, "mode": "enforce", **options}
    run_dry(VerifyingMiddleware(app, **options)(scope, receive, send))
    return sent, seen


def test_a_websocket_with_a_valid_token_is_allowed() -> None:
    sent, (scope,) = connect(websocket(TOKEN))
    assert sent == [{"type": "websocket.accept"}]
    assert scope["state"]["countermark_verified_identity"].principal_id == "user-1"


def test_a_websocket_may_have_its_token_in_the_query() -> None:
    # Browsers send no headers of one's own with a websocket.
    query = f"token={GOOD}".replace(" ", "+").encode()
    assert connect(websocket(query_string=query), token=from_query("token"))[1]


@pytest.mark.parametrize("extensions", [None, {}, {"http.response.push": {}}, "absent"])
def test_a_websocket_is_closed_before_it_is_accepted(extensions: Any) -> None:
    changes = {} if extensions == "absent" else {"extensions": extensions}
    sent, seen = connect(websocket(TOKEN, TOKEN, **changes))
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert seen == []


def test_a_websocket_is_refused_by_a_response_where_the_server_can() -> None:
    sent, seen = connect(websocket(extensions={"websocket.http.response": {}}))
    start, body = sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert (b"content-type", b"application/problem+json") in start["headers"]
    assert body["type"] == "websocket.http.response.body"
    assert json.loads(body["body"])["type"] == "urn:countermark:problem:missing"
    assert seen == []


def test_in_monitor_every_websocket_is_allowed() -> None:
    _, (scope,) = connect(websocket(), mode="monitor")
    assert scope["state"]["countermark_verdict"].code == "missing"
    _, (scope,) = connect(websocket(), mode="off")
    assert scope["state"]["countermark_verdict"] is None


def test_other_scopes_pass_unchanged() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(dict(scope))

    middleware = VerifyingMiddleware(app, verifier=VERIFIER, mode="enforce")
    for scope in ({"type": "lifespan", "state": {}}, {"type": "other"}):
        run_dry(middleware(scope, None, None))  # type: ignore[arg-type]
    assert seen == [{"type": "lifespan", "state": {}}, {"type": "other"}]


# State


def both(state: Any) -> tuple[Any, Any]:
    return state["countermark_verified_identity"], state["countermark_verdict"]


@pytest.mark.parametrize("mode", ["off", "monitor"])
def test_a_server_without_state_gets_one(mode: Any) -> None:
    seen: list[Any] = []
    app = answer(before=lambda scope: seen.append(scope["state"]))
    middleware = VerifyingMiddleware(app, verifier=VERIFIER, mode=mode)
    without = scope_of([TOKEN])
    del without["state"]
    for scope in (without, scope_of([TOKEN], state=None)):
        request(middleware, scope)
        identity, verdict = both(seen[-1])
        assert (identity is None) == (verdict is None) == (mode == "off")


@pytest.mark.parametrize("mode", ["off", "monitor"])
def test_requests_that_share_a_state_do_not_share_verdicts(mode: Any) -> None:
    states: list[Any] = []
    app = answer(before=lambda scope: states.append(scope["state"]))
    shared: dict[str, Any] = {"database": object()}
    monitoring = VerifyingMiddleware(app, verifier=VERIFIER, mode="monitor")
    request(monitoring, scope_of([TOKEN], state=shared))
    request(VerifyingMiddleware(app, verifier=VERIFIER, mode=mode), scope_of(state=shared))
    first, second = states
    assert first["countermark_verified_identity"].principal_id == "user-1"
    assert second["countermark_verified_identity"] is None
    assert first["database"] is second["database"]
    assert first is shared  # what an outer middleware holds is what the application sees


@pytest.mark.parametrize("mode", ["off", "monitor", "enforce"])
def test_earlier_content_of_the_state_is_replaced(mode: Any) -> None:
    seen: list[Any] = []
    app = answer(before=lambda scope: seen.append(both(scope["state"])))
    forged = {"verified_identity": "admin", "verdict": "verified"}
    middleware = VerifyingMiddleware(app, verifier=VERIFIER, mode=mode)
    request(middleware, scope_of(state=dict(forged)))
    request(middleware, scope_of([TOKEN], state={"verified_identity": "admin"}))
    for identity, verdict in seen:
        assert "admin" not in (identity, verdict)
        assert verdict != "verified"


def test_if_applied_twice_both_check_and_the_application_sees_the_inner_one() -> None:
    seen: list[Any] = []
    inner = VerifyingMiddleware(
        answer(before=lambda scope: seen.append(scope["state"]["countermark_verified_identity"])),
        verifier=FLOW_VERIFIER,
        token="X-Signature",
        claimed_id=from_query("id"),
        mode="enforce",
    )
    outer = VerifyingMiddleware(inner, verifier=VERIFIER, mode="enforce")
    signature = (b"x-signature", FLOW_SIGNER.sign("user-2").encode())
    for headers, status in (([TOKEN, signature], 200), ([TOKEN], 401), ([signature], 401)):
        start, _ = request(outer, scope_of(headers, query=b"id=user-2"))
        assert start["status"] == status
    assert [(each.scheme, each.principal_id) for each in seen] == [("cognito-flow", "user-2")]


def test_signing_and_verifying_go_together() -> None:
    seen: list[Any] = []
    app = answer(before=lambda scope: seen.append(scope["state"].copy()))
    signing = SigningMiddleware(app, signers=SIGNER, principal=lambda scope: "user-1")
    request(VerifyingMiddleware(signing, verifier=VERIFIER, mode="enforce"), scope_of([TOKEN]))
    assert set(seen[0]) == {"countermark", "countermark_verified_identity", "countermark_verdict"}


def test_concurrent_requests_see_their_own_verdicts() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        before = both(scope["state"])
        await trio.lowlevel.checkpoint()
        assert both(scope["state"]) == before
        assert before[0].principal_id == scope["path"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    middleware = VerifyingMiddleware(app, verifier=VERIFIER, mode="enforce")
    statuses: list[int] = []

    async def one(number: int) -> None:
        user = f"user-{number}"
        token = SIGNER.sign(user if number % 3 else "user-x").encode()
        headers = [(HEADER, token)] if number % 3 else [(HEADER, token), (HEADER, token)]
        (start, *_) = await asend(middleware, scope_of(headers, path=user))
        assert start["status"] == (200 if number % 3 else 401)
        statuses.append(start["status"])

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(300):
                nursery.start_soon(one, number)

    trio.run(main)
    assert statuses.count(200) == 200


# What may wait


class Slow(Allowance):
    """Waits until all who ask have come."""

    def __init__(self, parties: int) -> None:
        super().__init__(100)
        self.parties, self.came = parties, 0
        self.all_there = asyncio.Event()

    async def aadmit(self, group: str, source: Any) -> bool:
        self.came += 1
        if self.came == self.parties:
            self.all_there.set()
        await asyncio.wait_for(self.all_there.wait(), 20)
        if source["path"] == "/away":
            raise StoreUnavailable("it is away")
        return await super().aadmit(group, source)


def test_an_allowance_that_waits_does_not_block_other_requests() -> None:
    verdicts = Verdicts()
    allowance = Slow(3)
    app = VerifyingMiddleware(
        answer(), verifier=VERIFIER, mode="enforce", allowance=allowance, meter=verdicts
    )

    async def main() -> list[list[Message]]:
        requests = [asend(app, scope_of(path=path)) for path in ("/a", "/b", "/away")]
        return await asyncio.gather(*requests)

    sent = asyncio.run(main())
    assert [messages[0]["status"] for messages in sent] == [200, 200, 401]
    assert sorted(str(verdict.admitted_by) for verdict in verdicts) == [
        "None", "allowance", "allowance"
    ]  # fmt: skip


def test_an_allowance_that_does_not_wait_is_asked_in_the_event_loop() -> None:
    app = VerifyingMiddleware(answer(), verifier=VERIFIER, mode="enforce", allowance=Allowance(1))
    assert [request(app)[0]["status"] for _ in range(2)] == [200, 401]


def test_the_body_is_not_read_for_a_refusal() -> None:
    async def receive() -> Message:
        raise AssertionError("it was read")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    app = VerifyingMiddleware(answer(), verifier=VERIFIER, mode="enforce")
    run_dry(app(scope_of(method="POST"), receive, send))
    assert sent[0]["status"] == 401
    assert "more_body" not in sent[1]
    assert all(name == name.lower() for name, _ in sent[0]["headers"])


def test_the_middleware_keeps_nothing_of_a_request() -> None:
    app = VerifyingMiddleware(answer(), verifier=VERIFIER, mode="enforce")
    before = dict(vars(app))
    for scope in (scope_of([TOKEN]), scope_of()):
        request(app, scope)
    assert vars(app) == before


def test_a_location_is_required_if_the_scheme_has_none() -> None:
    with pytest.raises(ConfigurationError, match="token= must say where requests carry"):
        VerifyingMiddleware(
            answer(), verifier=FLOW_VERIFIER, mode="monitor", claimed_id=from_query("id")
        )
