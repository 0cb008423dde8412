"""The stand-in for Flow: signed and unsigned sessions, origins, retries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from countermark import ConfigurationError, CountermarkError, Keyring, Signer
from countermark.testing import FlowSessions, tampered
from countermark.verifying import AllowedOrigins
from tests.conftest import SECRET

KEY = "publishable-key-for-tests"
NEXT_SECRET = "the-secret-that-will-sign-from-next-week-on"
PAGE = "https://app.example"


@pytest.fixture
def flow() -> FlowSessions:
    return FlowSessions(Keyring(SECRET), unsigned_sessions=2)


def signature_of(reference: str) -> str:
    return Signer("cognito-flow", Keyring(SECRET)).sign(reference)


def start(
    flow: FlowSessions,
    reference: str | None = "user-1",
    signature: str | None = None,
    template: str = "flwtmp_1",
    *,
    origin: str | None = None,
    key: str = KEY,
) -> Any:
    user = {"customerReference": reference, "signature": signature}
    given = {name: value for name, value in user.items() if value is not None}
    content = {"publishableKey": key, "templateId": template, "user": given}
    headers = {} if origin is None else {"Origin": origin}
    # JSON in ASCII can contain lone surrogates.
    return TestClient(flow).post("/flow_sessions", content=json.dumps(content), headers=headers)


def reason_of(answer: Any) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).removeprefix("urn:countermark:problem:")


def test_a_request_with_a_valid_signature_starts_a_session(flow: FlowSessions) -> None:
    answer = start(flow, "user-1", signature_of("user-1"))
    assert answer.status_code == 201
    (session,) = flow.sessions
    assert answer.json() == session._asdict()
    assert session == ("flwses_1", "user-1", "flwtmp_1", True, False)
    assert [verdict.code for verdict in flow.verdicts] == ["verified"]
    assert flow.unsigned_left == 2


def test_there_is_one_session_per_reference_and_template(flow: FlowSessions) -> None:
    first = start(flow, "user-1", signature_of("user-1"))
    again = start(flow, "user-1", signature_of("user-1"))
    assert (again.status_code, again.json()) == (200, first.json())
    assert start(flow, "user-1", signature_of("user-1"), template="flwtmp_2").status_code == 201
    assert start(flow, "user-2", signature_of("user-2")).status_code == 201
    assert len(flow.sessions) == 3


def test_unsigned_sessions_are_refused_after_the_first_ones(flow: FlowSessions) -> None:
    statuses = [start(flow, f"user-{number}").status_code for number in range(4)]
    assert statuses == [201, 201, 403, 403]
    assert reason_of(start(flow, "user-2")) == "missing"
    assert start(flow, "user-2", signature_of("user-2")).status_code == 201
    assert [session.signed for session in flow.sessions] == [False, False, True]


def test_by_default_a_hundred_sessions_may_be_unsigned() -> None:
    flow = FlowSessions(Keyring(SECRET))
    statuses = [start(flow, f"user-{number}").status_code for number in range(101)]
    assert statuses == [201] * 100 + [403]
    assert flow.unsigned_left == 0


def test_an_unsigned_session_counts_once(flow: FlowSessions) -> None:
    assert [start(flow, "user-1").status_code for _ in range(4)] == [201, 200, 200, 200]
    assert flow.unsigned_left == 1
    assert start(flow, "user-1", template="flwtmp_2").status_code == 201
    assert flow.unsigned_left == 0
    assert start(flow, "user-1").status_code == 200


def test_references_and_templates_with_spaces_are_distinguished(flow: FlowSessions) -> None:
    assert start(flow, "a b", template="c").status_code == 201
    assert start(flow, "a", template="b c").status_code == 201
    assert flow.unsigned_left == 0


@pytest.mark.parametrize("reference", [None, ""])
def test_each_unsigned_request_without_a_reference_starts_a_session(
    flow: FlowSessions, reference: str | None
) -> None:
    assert [start(flow, reference).status_code for _ in range(3)] == [201, 201, 403]
    assert [session.customer_reference for session in flow.sessions] == [None, None]


def test_an_unsigned_session_becomes_a_signed_one(flow: FlowSessions) -> None:
    start(flow, "user-1")
    assert start(flow, "user-1", signature_of("user-1")).json()["signed"] is True
    assert start(flow, "user-1").json()["signed"] is True
    assert len(flow.sessions) == 1


@pytest.mark.parametrize(
    ("reference", "signature", "reason"),
    [
        ("user-1", tampered(signature_of("user-1")), "mismatch"),
        ("user-1", signature_of("user-2"), "mismatch"),
        ("user-1", Signer("cognito-flow", Keyring(NEXT_SECRET)).sign("user-1"), "mismatch"),
        ("user-1", signature_of("user-1")[:-1], "malformed"),
        ("\ud800", signature_of("user-1"), "malformed"),
        (None, signature_of("user-1"), "mismatch"),
    ],
    ids=["tampered", "another's", "another secret's", "cut off", "lone surrogate", "no reference"],
)
def test_a_wrong_signature_is_refused_even_if_unsigned_sessions_are_left(
    flow: FlowSessions, reference: str | None, signature: str, reason: str
) -> None:
    for required in (False, True):
        flow.require_signed = required
        answer = start(flow, reference, signature)
        assert (answer.status_code, reason_of(answer)) == (403, reason)
    assert flow.unsigned_left == 2
    assert flow.sessions == []


def test_unsigned_requests_are_refused_if_signatures_are_required(flow: FlowSessions) -> None:
    flow.require_signed = True
    assert start(flow, "user-1").status_code == 403
    assert start(flow, "user-1", signature_of("user-1")).status_code == 201
    flow.require_signed = False
    assert start(flow, "user-2").status_code == 201
    assert flow.unsigned_left == 1


def test_both_keys_are_valid_during_a_rotation() -> None:
    flow = FlowSessions(Keyring(NEXT_SECRET, previous=SECRET), require_signed=True)
    assert start(flow, "user-1", signature_of("user-1")).status_code == 201
    new = Signer("cognito-flow", Keyring(NEXT_SECRET)).sign("user-1")
    assert start(flow, "user-1", new).status_code == 200


# One completed Flow


def test_a_user_who_completed_a_flow_needs_an_authorised_retry(
    flow: FlowSessions,
) -> None:
    signature = signature_of("user-1")
    start(flow, "user-1", signature)
    flow.complete("user-1")
    for template in ("flwtmp_1", "flwtmp_2"):
        answer = start(flow, "user-1", signature, template)
        assert (answer.status_code, reason_of(answer)) == (403, "already_completed")
    assert start(flow, "user-2", signature_of("user-2")).status_code == 201
    flow.authorise_retry("user-1")
    assert start(flow, "user-1", signature).status_code == 201
    assert start(flow, "user-1", signature).status_code == 200
    assert [session.completed for session in flow.sessions] == [True, False, False]
    flow.complete("user-1")
    assert start(flow, "user-1", signature).status_code == 403


def test_complete_completes_the_flow_that_was_started_last(flow: FlowSessions) -> None:
    for template in ("flwtmp_1", "flwtmp_2"):
        start(flow, "user-1", signature_of("user-1"), template)
    flow.complete("user-1")
    assert [session.completed for session in flow.sessions] == [False, True]
    with pytest.raises(CountermarkError, match="no open session"):
        flow.complete("user-1")


def test_a_flow_that_was_not_started_cannot_be_completed(flow: FlowSessions) -> None:
    with pytest.raises(CountermarkError, match="no open session"):
        flow.complete("user-1")
    start(flow, "user-1", signature_of("user-1"))
    with pytest.raises(CountermarkError, match="not completed"):
        flow.authorise_retry("user-1")


# Origins


@pytest.mark.parametrize("origin", ["https://app.example:8443", "http://app.example", "null", None])
def test_pages_of_other_origins_are_refused(origin: str | None) -> None:
    flow = FlowSessions(Keyring(SECRET), origins=[PAGE])
    answer = start(flow, "user-1", signature_of("user-1"), origin=origin)
    assert (answer.status_code, reason_of(answer)) == (403, "origin_refused")
    assert "access-control-allow-origin" not in answer.headers


def test_an_allowed_page_can_read_refusals_too() -> None:
    flow = FlowSessions(Keyring(SECRET), origins=AllowedOrigins([PAGE]), require_signed=True)
    answers = [
        start(flow, "user-1", token, origin=PAGE) for token in (signature_of("user-1"), None)
    ]
    assert [answer.status_code for answer in answers] == [201, 403]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {PAGE}
    assert {answer.headers["vary"] for answer in answers} == {"Origin"}


@pytest.mark.parametrize(("origin", "permission"), [(PAGE, PAGE), ("https://else.example", None)])
def test_a_preflight_allows_the_allowed_origins(origin: str, permission: str | None) -> None:
    answer = TestClient(FlowSessions(Keyring(SECRET), origins=[PAGE])).options(
        "/flow_sessions", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 204
    assert answer.headers.get("access-control-allow-origin") == permission
    assert ("access-control-allow-headers" in answer.headers) == (permission is not None)


def test_without_origins_all_pages_are_allowed(flow: FlowSessions) -> None:
    answer = start(flow, "user-1", signature_of("user-1"), origin="https://else.example")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (201, "*")


def test_loopback_origins_are_allowed_in_environments_other_than_live() -> None:
    own = ["http://localhost:8000"]
    flow = FlowSessions(Keyring(SECRET), origins=own, environment="sandbox")
    answer = start(flow, "user-1", signature_of("user-1"), origin=own[0])
    assert answer.status_code == 201
    for environment in ("live", None):
        with pytest.raises(ConfigurationError, match="loopback origin"):
            FlowSessions(Keyring(SECRET), origins=own, environment=environment)


def test_a_wrong_publishable_key_is_refused(flow: FlowSessions) -> None:
    answer = start(flow, "user-1", signature_of("user-1"), key="another")
    assert (answer.status_code, reason_of(answer)) == (401, "wrong_publishable_key")
    assert flow.sessions == []


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"publishableKey": KEY},
        {"templateId": "flwtmp_1"},
        {"publishableKey": KEY, "templateId": ""},
        {"publishableKey": KEY, "templateId": 1},
        {"publishableKey": KEY, "templateId": "flwtmp_1", "user": "user-1"},
        {"publishableKey": KEY, "templateId": "flwtmp_1", "user": {"customerReference": 7}},
        {"publishableKey": KEY, "templateId": "flwtmp_1", "user": {"signature": ["a"]}},
    ],
)
def test_a_malformed_body_is_an_error(flow: FlowSessions, content: Any) -> None:
    answer = TestClient(flow).post("/flow_sessions", json=content)
    assert (answer.status_code, reason_of(answer)) == (400, "malformed_request")


def test_the_user_is_optional(flow: FlowSessions) -> None:
    content = {"publishableKey": KEY, "templateId": "flwtmp_1"}
    assert TestClient(flow).post("/flow_sessions", json=content).status_code == 201


def test_other_paths_and_methods_are_not_found(flow: FlowSessions) -> None:
    client = TestClient(Starlette(routes=[Mount("/flow", flow)]))
    assert client.get("/flow/flow_sessions").status_code == 404
    assert client.post("/flow/sessions").status_code == 404
    assert client.post("/flow/flow_sessions", content=b"{").status_code == 400


def test_the_repr_of_a_session_does_not_contain_the_reference(flow: FlowSessions) -> None:
    start(flow, "user-1", signature_of("user-1"))
    assert repr(flow.sessions) == "[<FlowSession flwses_1 signed=True completed=False>]"


def test_a_refusal_names_the_mistake(flow: FlowSessions) -> None:
    hint = start(flow, "user-1", signature_of("USER-1")).json()["hint"]
    assert hint.startswith("The id was signed in upper case.")
    hint = start(flow, "user-1", signature_of("user-2")).json()["hint"]
    assert hint.startswith("The usual causes:")


def test_in_live_a_refusal_has_no_hint() -> None:
    live = FlowSessions(Keyring("live_secret_" + "abcd1234" * 8), environment="live")
    assert "hint" not in start(live, "user-1", signature_of("USER-1")).json()
