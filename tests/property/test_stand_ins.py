"""The stand-ins answer any input, and accept only valid tokens."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from countermark import Keyring, Signer
from countermark.testing import FlowSessions, StiggEdge, tampered
from tests.conftest import SECRET

# The names that the stand-ins use.
_words = st.sampled_from(
    [
        "publishableKey",
        "templateId",
        "user",
        "customerReference",
        "signature",
        "variables",
        "query",
        "customerId",
        "publishable-key-for-tests",
        "user-1",
    ]
)
_texts = st.text(st.characters(), max_size=20)
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | _texts | _words,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_words | _texts, inner, max_size=5),
    max_leaves=20,
)
_bodies = st.binary(max_size=200) | _json.map(lambda content: json.dumps(content).encode())


@given(_bodies)
def test_a_session_service_answers_any_body(body: bytes) -> None:
    flow = FlowSessions(Keyring(SECRET), require_signed=True)
    answer = TestClient(flow).post("/flow_sessions", content=body)
    assert answer.status_code in {400, 401, 403}
    assert flow.sessions == []


@given(_texts | _words, _texts, _texts)
def test_any_reference_starts_an_unsigned_session_but_not_with_a_wrong_signature(
    reference: str, template: str, signature: str
) -> None:
    flow = FlowSessions(Keyring(SECRET))
    user = {"customerReference": reference, "signature": signature}
    content = {"publishableKey": "publishable-key-for-tests", "templateId": template, "user": user}
    answer = TestClient(flow).post("/flow_sessions", content=json.dumps(content))
    assert answer.status_code == (400 if not template else 403 if signature else 201)


@given(_bodies)
def test_an_edge_answers_any_body_without_data(body: bytes) -> None:
    edge = StiggEdge(Keyring(SECRET), customers={"user-1": {"entitlements": ["of user 1"]}})
    answer = TestClient(edge).post(
        "/graphql", content=body, headers={"X-API-KEY": "client-for-tests"}
    )
    assert answer.status_code in {200, 400}
    assert "of user 1" not in answer.text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30))
def test_a_token_with_one_wrong_character_is_refused(customer_id: str) -> None:
    signer = Signer("stigg", Keyring(SECRET))
    if customer_id != customer_id.strip():
        return
    edge, token = StiggEdge(Keyring(SECRET)), signer.sign(customer_id)
    content = {"query": "{ any }", "variables": {"customerId": customer_id}}
    for sent, member in ((token, "data"), (tampered(token), "errors")):
        headers = {"X-API-KEY": "client-for-tests", "X-CUSTOMER-KEY": sent}
        answer = TestClient(edge).post("/graphql", json=content, headers=headers)
        assert list(answer.json()) == [member]
