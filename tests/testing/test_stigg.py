"""The stand-in for Stigg: accepted and refused requests, and its errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import trio
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from countermark import ConfigurationError, Keyring, Signer
from countermark.asgi import Message
from countermark.testing import StiggEdge, tampered
from tests import drivers
from tests.conftest import SECRET

KEY = "client-for-tests"
NEXT_SECRET = "the-secret-that-will-sign-from-next-week-on"
LARGE = b'{"query": "{ any }"}'.ljust(1_000_001)
CUSTOMERS: dict[str, dict[str, list[Any]]] = {
    "customer-demo-01": {"entitlements": [{"id": "seats"}], "subscriptions": [{"id": "sub-1"}]},
    "org:42": {},
}


@pytest.fixture
def edge() -> StiggEdge:
    return StiggEdge(Keyring(SECRET), customers=CUSTOMERS)


def token_of(customer_id: str) -> str:
    return Signer("stigg", Keyring(SECRET)).sign(customer_id)


def get(
    edge: StiggEdge,
    token: str | None,
    customer_id: str = "customer-demo-01",
    what: str = "entitlements",
    key: str | None = KEY,
) -> Any:
    headers = {"X-API-KEY": key, "X-CUSTOMER-KEY": token}
    sent = {name: value for name, value in headers.items() if value is not None}
    return TestClient(edge).get(f"/v1/c/{quote(customer_id)}/{what}.json", headers=sent)


def ask(edge: StiggEdge, token: str | None, content: Any) -> Any:
    headers = {"X-API-KEY": KEY} | ({} if token is None else {"X-CUSTOMER-KEY": token})
    return TestClient(edge).post("/graphql", json=content, headers=headers)


def operation(**variables: Any) -> dict[str, Any]:
    return {"operationName": "Any", "query": "query Any { any }", "variables": variables}


def error_of(content: Any) -> tuple[str, str | None]:
    (error,) = content["errors"]
    return error["extensions"]["code"], error["extensions"].get("reason")


def test_a_customer_with_a_valid_token_reads_their_data(edge: StiggEdge) -> None:
    answer = get(edge, token_of("customer-demo-01"))
    assert (answer.status_code, answer.json()) == (
        200,
        {"data": {"entitlements": [{"id": "seats"}]}},
    )
    answer = get(edge, token_of("customer-demo-01"), what="subscriptions")
    assert answer.json() == {"data": {"getActiveSubscriptions": [{"id": "sub-1"}]}}
    assert get(edge, token_of("org:42"), "org:42").json() == {"data": {"entitlements": []}}
    assert [verdict.code for verdict in edge.verdicts] == ["verified"] * 3


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "missing"),
        ("", "missing"),
        ("HMAC-SHA256", "malformed"),
        (tampered(token_of("customer-demo-01")), "mismatch"),
        (token_of("org:42"), "mismatch"),
        (Signer("stigg", Keyring(NEXT_SECRET)).sign("customer-demo-01"), "mismatch"),
    ],
    ids=["none", "empty", "cut off", "tampered", "another customer's", "another environment's"],
)
def test_if_enforced_only_the_own_token_of_the_customer_is_accepted(
    edge: StiggEdge, token: str | None, reason: str
) -> None:
    answer = get(edge, token)
    assert answer.status_code == 403
    assert error_of(answer.json()) == ("IdentityForbidden", reason)
    edge.enforced = False
    assert get(edge, token).status_code == 200
    edge.enforced = True
    assert get(edge, token).status_code == 403


def test_if_not_enforced_tokens_are_verified_all_the_same(edge: StiggEdge) -> None:
    edge.enforced = False
    get(edge, None)
    get(edge, token_of("customer-demo-01"))
    assert [verdict.code for verdict in edge.verdicts] == ["missing", "verified"]


@pytest.mark.parametrize("key", [None, "", "client-of-somebody-else", "server-key"])
def test_a_wrong_api_key_is_refused_even_if_not_enforced(edge: StiggEdge, key: str | None) -> None:
    edge.enforced = False
    answer = get(edge, token_of("customer-demo-01"), key=key)
    assert answer.status_code == 401
    assert error_of(answer.json()) == ("Unauthenticated", None)
    assert not edge.verdicts


def test_two_api_keys_are_refused(edge: StiggEdge) -> None:
    headers = [("X-API-KEY", KEY), ("X-API-KEY", KEY)]
    answer = TestClient(edge).get("/v1/c/org:42/entitlements.json", headers=headers)
    assert answer.status_code == 401


def test_an_unknown_customer_is_not_found(edge: StiggEdge) -> None:
    assert get(edge, token_of("nobody"), "nobody").status_code == 404
    assert error_of(get(edge, token_of("nobody"), "nobody").json())[0] == "CustomerNotFound"


def test_without_any_customers_no_id_is_found() -> None:
    edge = StiggEdge(Keyring(SECRET), customers={})
    assert get(edge, token_of("anybody"), "anybody").status_code == 404


def test_without_the_customers_option_every_id_is_a_customer() -> None:
    edge = StiggEdge(Keyring(SECRET))
    assert get(edge, token_of("anybody"), "anybody").json() == {"data": {"entitlements": []}}
    assert get(edge, None, "anybody").status_code == 403


def test_both_keys_are_valid_during_a_rotation() -> None:
    edge = StiggEdge(Keyring(NEXT_SECRET, previous=SECRET))
    assert get(edge, token_of("org:42"), "org:42").status_code == 200
    new = Signer("stigg", Keyring(NEXT_SECRET)).sign("org:42")
    assert get(edge, new, "org:42").status_code == 200
    assert [verdict.role for verdict in edge.verdicts] == ["previous", "current"]


@pytest.mark.parametrize("customer_id", ["a/b", "a?b", "a#b"])
def test_ids_that_break_a_url_work_only_with_graphql(customer_id: str) -> None:
    # The vendor's client does not encode the id in the URL either.
    edge, token = StiggEdge(Keyring(SECRET)), token_of(customer_id)
    headers = {"X-API-KEY": KEY, "X-CUSTOMER-KEY": token}
    answer = TestClient(edge).get(f"/v1/c/{customer_id}/entitlements.json", headers=headers)
    assert answer.status_code == 404
    assert "data" in ask(edge, token, operation(query={"customerId": customer_id})).json()


def test_the_client_reads_its_configuration_without_a_token(edge: StiggEdge) -> None:
    answer = TestClient(edge).get(
        "/v1/config/client-sdk-configuration.json", headers={"X-API-KEY": KEY}
    )
    assert answer.status_code == 200
    assert list(answer.json()["data"]) == ["sdkConfiguration"]
    assert not edge.verdicts


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/graphql"), ("POST", "/v1/c/org:42/entitlements.json")],
)
def test_other_paths_and_methods_are_not_found(edge: StiggEdge, method: str, path: str) -> None:
    answer = TestClient(edge).request(method, path, headers={"X-API-KEY": KEY})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


# GraphQL


def test_the_variables_of_an_operation_name_the_customer(edge: StiggEdge) -> None:
    both = {"entitlements": [{"id": "seats"}], "getActiveSubscriptions": [{"id": "sub-1"}]}
    token = token_of("customer-demo-01")
    for variables in (
        {"query": {"customerId": "customer-demo-01"}},
        {"input": [{"customerId": "customer-demo-01", "planId": 1}]},
        {"customerId": "customer-demo-01"},
    ):
        answer = ask(edge, token, operation(**variables))
        assert (answer.status_code, answer.json()) == (200, {"data": both})


@pytest.mark.parametrize("token", [None, tampered(token_of("org:42")), token_of("org:42")])
def test_an_operation_for_another_customer_is_an_error_with_status_200(
    edge: StiggEdge, token: str | None
) -> None:
    asked = operation(input={"customerId": "customer-demo-01"})
    answer = ask(edge, token, asked)
    assert answer.status_code == 200
    assert error_of(answer.json())[0] == "IdentityForbidden"
    edge.enforced = False
    assert "data" in ask(edge, token, asked).json()


def test_an_operation_for_two_customers_is_refused(edge: StiggEdge) -> None:
    asked = operation(input={"customerId": "org:42"}, to={"customerId": "customer-demo-01"})
    assert error_of(ask(edge, token_of("org:42"), asked).json()) == (
        "IdentityForbidden",
        "mismatch",
    )


def test_an_operation_without_a_customer_needs_no_token_and_returns_no_data(
    edge: StiggEdge,
) -> None:
    assert ask(edge, None, operation(productId="p")).json() == {"data": {}}
    assert ask(edge, None, {"query": "{ any }"}).json() == {"data": {}}
    assert not edge.verdicts


def test_each_operation_of_a_batch_has_its_own_answer(edge: StiggEdge) -> None:
    batch = [
        operation(query={"customerId": "org:42"}),
        operation(query={"customerId": "customer-demo-01"}),
        operation(query={"customerId": 7}),
    ]
    own, another, nobody = ask(edge, token_of("org:42"), batch).json()
    assert own == {"data": {"entitlements": [], "getActiveSubscriptions": []}}
    assert error_of(another) == ("IdentityForbidden", "mismatch")
    assert nobody == {"data": {}}
    assert len(edge.verdicts) == 1


@pytest.mark.parametrize(("size", "status"), [(0, 400), (1, 200), (25, 200), (26, 400)])
def test_a_batch_has_at_most_25_operations(edge: StiggEdge, size: int, status: int) -> None:
    batch = [operation(query={"customerId": "org:42"})] * size
    answer = ask(edge, token_of("org:42"), batch)
    assert answer.status_code == status
    assert len(answer.json()) == (size if status == 200 else 1)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"7", b"[7]", b"{}", b'{"query": 7}', b"[" * 100_000, LARGE],
    ids=["empty", "cut", "null", "number", "list", "no query", "odd query", "deep", "large"],
)
def test_a_malformed_operation_is_an_error(edge: StiggEdge, body: bytes) -> None:
    answer = TestClient(edge).post("/graphql", content=body, headers={"X-API-KEY": KEY})
    assert answer.status_code == 400
    assert error_of(answer.json())[0] == "BadUserInput"


def test_a_body_may_come_in_parts(edge: StiggEdge) -> None:
    assert posted(edge, b'{"query": ', b'"{ any }"', b"}") == 200
    assert posted(edge, LARGE[:-1]) == 200


def test_an_incomplete_body_is_an_error(edge: StiggEdge) -> None:
    assert posted(edge, b'{"query": "{ any }"', None) == 400


def posted(edge: StiggEdge, *parts: bytes | None) -> int:
    """Return the status for a body in *parts*; None stands for a disconnect."""
    messages: list[Message] = [
        {"type": "http.disconnect"}
        if part is None
        else {"type": "http.request", "body": part, "more_body": number < len(parts)}
        for number, part in enumerate(parts, start=1)
    ]
    sent: list[Message] = []

    async def run() -> None:
        async def receive() -> Message:
            return messages.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"x-api-key", KEY.encode())]
        scope = drivers.http_scope(method="POST", path="/graphql", headers=headers)
        await edge(scope, receive, send)

    trio.run(run)
    return int(sent[0]["status"])


# CORS, mounts and paths


def test_pages_of_all_origins_are_allowed(edge: StiggEdge) -> None:
    client = TestClient(edge, headers={"Origin": "https://app.example"})
    preflight = client.options(
        "/v1/c/org:42/entitlements.json",
        headers={
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "x-api-key,x-customer-key",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "*"
    refused = client.get("/v1/c/org:42/entitlements.json", headers={"X-API-KEY": KEY})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (403, "*")


def test_it_can_be_mounted_at_any_path(edge: StiggEdge) -> None:
    client = TestClient(Starlette(routes=[Mount("/stigg", edge)]))
    headers = {"X-API-KEY": KEY, "X-CUSTOMER-KEY": token_of("org:42")}
    assert client.get("/stigg/v1/c/org:42/entitlements.json", headers=headers).status_code == 200


@pytest.mark.parametrize("customer_id", ["org/42", "/", "a/entitlements.json", "%2F", "a /?#", "."])
def test_a_customer_id_can_contain_a_slash(customer_id: str) -> None:
    edge = StiggEdge(Keyring(SECRET), customers={customer_id: CUSTOMERS["customer-demo-01"]})
    scope = drivers.http_scope(
        path=f"/v1/c/{customer_id}/entitlements.json",
        raw_path=f"/v1/c/{quote(customer_id, safe='')}/entitlements.json".encode(),
        headers=[
            (b"x-api-key", KEY.encode()),
            (b"x-customer-key", token_of(customer_id).encode()),
        ],
    )
    assert drivers.request(edge, scope)[0]["status"] == 200
    decoded = drivers.request(edge, {**scope, "raw_path": None})[0]["status"]
    assert decoded == (404 if "/" in customer_id else 200)
    mounted = {
        **scope,
        "root_path": "/stand/in",
        "path": f"/stand/in{scope['path']}",
        "raw_path": b"/stand/%69n" + scope["raw_path"] + b"?query=of-some-clients",
    }
    assert drivers.request(edge, mounted)[0]["status"] == 200
    # Some servers omit the mount from the path, but not from the raw path.
    assert drivers.request(edge, {**mounted, "path": scope["path"]})[0]["status"] == 200
    assert drivers.request(edge, {**scope, "root_path": "/stand/in"})[0]["status"] == 200


def test_a_rewritten_path_takes_precedence_over_the_raw_path(edge: StiggEdge) -> None:
    headers = [(b"x-api-key", KEY.encode())]
    path = "/v1/config/client-sdk-configuration.json"
    for raw in (b"/something/else", b"", None):
        scope = drivers.http_scope(path=path, raw_path=raw, headers=headers)
        assert drivers.request(edge, scope)[0]["status"] == 200
    del scope["raw_path"]
    assert drivers.request(edge, scope)[0]["status"] == 200
    assert drivers.request(edge, {**scope, "path": "v1"})[0]["status"] == 404


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_only_http_is_served(edge: StiggEdge, kind: str) -> None:
    sent = drivers.request(edge, drivers.http_scope(type=kind))
    assert sent == ([{"type": "websocket.close"}] if kind == "websocket" else [])


def test_an_api_key_for_servers_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="client-"):
        StiggEdge(Keyring(SECRET), publishable_key="server-key")


def test_an_invalid_secret_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        StiggEdge(Keyring("a-short-secret-of-tests"))


@pytest.mark.parametrize(
    ("token", "customer", "hint"),
    [
        ('"' + token_of("customer-demo-01") + '"', "customer-demo-01", "The token is in quotation"),
        (token_of("CUSTOMER-DEMO-01"), "customer-demo-01", "The id was signed in upper case."),
        (token_of("org:42"), "customer-demo-01", "The token is for another principal"),
        (None, "customer-demo-01", "The front end sent no token."),
        (
            Signer("stigg", Keyring(NEXT_SECRET)).sign("customer-demo-01"),
            "customer-demo-01",
            "The usual causes:",
        ),
    ],
    ids=["quoted", "upper case", "another customer's", "none", "unexplained"],
)
def test_a_refusal_names_the_mistake(
    edge: StiggEdge, token: str | None, customer: str, hint: str
) -> None:
    edge_answer = get(edge, token, customer).json()
    graphql_answer = ask(edge, token, operation(customerId=customer)).json()
    for answer in (edge_answer, graphql_answer):
        assert answer["errors"][0]["extensions"]["hint"].startswith(hint)


def test_two_tokens_have_the_hint_of_an_ambiguous_request(edge: StiggEdge) -> None:
    token = token_of("customer-demo-01")
    headers = [("X-API-KEY", KEY), ("X-CUSTOMER-KEY", token), ("X-CUSTOMER-KEY", token)]
    path = "/v1/c/customer-demo-01/entitlements.json"
    error = TestClient(edge).get(path, headers=headers).json()["errors"][0]["extensions"]
    assert error["reason"] == "ambiguous"
    assert error["hint"].startswith("The header, parameter or cookie is a duplicate")
