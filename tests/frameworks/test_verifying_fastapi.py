"""Verifying in FastAPI: the dependency, its place in the document, websockets, the middleware."""

# Annotations are no texts here, as FastAPI cannot look up a local variable by its name.

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from countermark import ConfigurationError, Verdict, VerifiedIdentity, starlette
from countermark import fastapi as adapter
from countermark.fastapi import (
    RefusedToken,
    VerifiedIdentityDep,
    VerifyingMiddleware,
    get_verified_identity,
    refused_token_handler,
    verified_identity,
)
from countermark.verifying import Allowance, from_cookie, from_header, from_query
from tests.conftest import Events
from tests.frameworks.tokens import BAD, FLOW, FLOW_SIGNER, NAME, VERIFIER, good

APP = "https://app.example"


def headers(*tokens: str) -> Any:
    return [(NAME, token) for token in tokens]


def client_of(*, handler: bool = True, **options: Any) -> TestClient:
    """Return a client of an application whose dependency has these options."""
    whose = verified_identity(**({"verifier": VERIFIER} | options))
    app = FastAPI()
    if handler:
        app.add_exception_handler(RefusedToken, refused_token_handler)

    @app.get("/")
    async def page(identity: Annotated[VerifiedIdentity | None, Depends(whose)]) -> Any:
        return identity.principal_id if identity else "nobody"

    @app.get("/sync")
    def page_in_a_thread(identity: Annotated[VerifiedIdentity, Depends(whose)]) -> Any:
        return identity.principal_id

    @app.websocket("/ws")
    async def socket(
        websocket: WebSocket, identity: Annotated[VerifiedIdentity | None, Depends(whose)]
    ) -> None:
        await websocket.accept()
        await websocket.send_text((identity.principal_id if identity else None) or "nobody")
        await websocket.close()

    return TestClient(app)


# The dependency


def test_a_valid_token_identifies_the_principal(events: Events) -> None:
    client = client_of(on_event=events)
    for user in ("user-1", "user-2", "user-1"):
        assert client.get("/", headers=headers(good(user))).json() == user
        assert client.get("/sync", headers=headers(good(user))).json() == user
    assert {event.name for event in events} == {"verified"}


@pytest.mark.parametrize("code", ["missing", *BAD])
def test_any_other_is_refused_with_its_code(code: str, events: Events) -> None:
    client = client_of(on_event=events)
    answer = client.get("/", headers=headers(*BAD.get(code, [])))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == f'Countermark realm="dated", error="{code}"'
    problem = answer.json()
    assert problem["type"] == f"urn:countermark:problem:{code}"
    assert problem["instance"] == f"urn:uuid:{events[0].correlation}"
    assert [(event.name, event.reason) for event in events] == [("refused", code)]


@pytest.mark.parametrize("code", ["missing", *BAD])
def test_without_the_handler_it_is_refused_as_fastapi_refuses(code: str) -> None:
    answer = client_of(handler=False).get("/", headers=headers(*BAD.get(code, [])))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["www-authenticate"].endswith(f'error="{code}"')
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"detail"}
    assert answer.json()["detail"].endswith(".")


def test_in_monitor_a_request_without_a_valid_token_is_counted_and_allowed() -> None:
    counted: list[Verdict] = []
    client = client_of(mode="monitor", meter=counted.append)
    assert client.get("/").json() == "nobody"
    assert client.get("/", headers=headers("Bearer of-nothing")).json() == "nobody"
    assert client.get("/", headers=headers(good("user-2"))).json() == "user-2"
    assert [(verdict.code, verdict.admitted_by) for verdict in counted] == [
        ("missing", "monitor"),
        ("malformed", "monitor"),
        ("verified", "token"),
    ]


def test_in_the_mode_off_no_request_is_verified() -> None:
    assert client_of(mode="off").get("/", headers=headers(good())).json() == "nobody"


def test_an_allowance_lets_sessions_without_a_token_pass_a_dependency() -> None:
    client = client_of(allowance=Allowance(1, session=lambda scope: scope["query_string"].decode()))
    assert client.get("/?a").json() == "nobody"
    assert client.get("/?b").status_code == 401


def test_an_invalid_token_is_refused_even_if_it_is_optional(events: Events) -> None:
    client = client_of(optional=True, on_event=events)
    assert client.get("/").json() == "nobody"
    assert events == []
    assert client.get("/", headers=headers(good("user-2"))).json() == "user-2"
    for tokens in BAD.values():
        assert client.get("/", headers=headers(*tokens)).status_code == 401


def test_the_dependency_of_a_router_guards_all_of_it() -> None:
    router = APIRouter(dependencies=[Depends(verified_identity(VERIFIER))])

    @router.get("/a")
    async def a() -> str:
        return "a"

    app = FastAPI()
    app.include_router(router, prefix="/api")
    client = TestClient(app)
    assert client.get("/api/a", headers=headers(good())).json() == "a"
    assert client.get("/api/a").status_code == 401


def test_tests_may_override_the_dependency() -> None:
    whose = verified_identity(VERIFIER)
    app = FastAPI()

    @app.get("/")
    async def page(identity: Annotated[VerifiedIdentity, Depends(whose)]) -> Any:
        return identity.principal_id

    stand_in = VerifiedIdentity("dated", "user-7", "key", "current")
    app.dependency_overrides[whose] = lambda: stand_in
    assert TestClient(app).get("/").json() == "user-7"


def test_a_bare_signature_is_compared_with_the_claimed_id() -> None:
    client = client_of(
        verifier=FLOW, token=from_query("signature"), claimed_id=from_query("customerReference")
    )
    mine = {"signature": FLOW_SIGNER.sign("user-1"), "customerReference": "user-1"}
    assert client.get("/", params=mine).json() == "user-1"
    other = client.get("/", params=mine | {"customerReference": "user-2"})
    assert other.json()["type"] == "urn:countermark:problem:mismatch"


def test_a_page_of_another_origin_is_refused_with_403() -> None:
    client = client_of(token=from_cookie("t"), origins=[APP])
    client.cookies.set("t", good())
    assert client.get("/", headers={"origin": APP}).json() == "user-1"
    refused = client.get("/", headers={"origin": "https://elsewhere.example"})
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:countermark:problem:origin_refused"
    assert "www-authenticate" not in refused.headers


def test_mistakes_show_when_the_dependency_is_made() -> None:
    for options, message in (
        ({"verifier": FLOW}, "token= must say where"),
        ({"verifier": FLOW, "token": "X-Signature"}, "claimed_id="),
        ({"token": 7}, "token= must say where"),
        ({"verifier": lambda tenant: VERIFIER}, "tenant= must"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            verified_identity(**({"verifier": VERIFIER} | options))


# Websockets


def test_websockets_are_verified_before_they_are_accepted() -> None:
    client = client_of()
    with client.websocket_connect("/ws", headers=dict(headers(good("user-2")))) as websocket:
        assert websocket.receive_text() == "user-2"
    for given in ({}, {NAME: "bad"}):
        with (
            pytest.raises(WebSocketDisconnect) as closed,
            client.websocket_connect("/ws", headers=given),
        ):
            pass
        assert closed.value.code == 1008
        assert closed.value.reason.endswith(".")


def test_websockets_may_be_anonymous_where_it_is_optional() -> None:
    with client_of(optional=True).websocket_connect("/ws") as websocket:
        assert websocket.receive_text() == "nobody"


# The document


@pytest.mark.parametrize(
    ("token", "place", "name"),
    [
        (None, "header", NAME),
        ("X-Other", "header", "X-Other"),
        (from_header("X-Token"), "header", "X-Token"),
        (from_query("signature"), "query", "signature"),
        (from_cookie("t"), "cookie", "t"),
    ],
)
def test_the_document_has_the_token_as_a_security_scheme(token: Any, place: str, name: str) -> None:
    client = client_of(token=token)
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"] == {
        f"dated-{place}-{name}": {
            "type": "apiKey",
            "in": place,
            "name": name,
            "description": "A token of the scheme dated for the current user.",
        }
    }
    operation = document["paths"]["/"]["get"]
    assert operation["security"] == [{f"dated-{place}-{name}": []}]
    assert "parameters" not in operation
    assert client.get("/docs").status_code == 200


# The middleware


def test_the_verified_identity_is_a_dependency() -> None:
    app = FastAPI()

    @app.get("/")
    async def page(identity: VerifiedIdentityDep, request: Request) -> Any:
        assert identity is request.state.countermark_verified_identity
        return identity.principal_id if identity else "nobody"

    @app.websocket("/ws")
    async def socket(websocket: WebSocket, identity: VerifiedIdentityDep) -> None:
        await websocket.accept()
        await websocket.send_text((identity.principal_id if identity else None) or "nobody")
        await websocket.close()

    app.add_middleware(VerifyingMiddleware, verifier=VERIFIER, mode="monitor")
    client = TestClient(app)
    for user in ("user-1", "user-2"):
        assert client.get("/", headers=headers(good(user))).json() == user
    assert client.get("/").json() == "nobody"
    for code, tokens in BAD.items():
        assert client.get("/", headers=headers(*tokens)).json() == "nobody", code
    with client.websocket_connect("/ws", headers=dict(headers(good()))) as websocket:
        assert websocket.receive_text() == "user-1"
    assert "securitySchemes" not in client.get("/openapi.json").json().get("components", {})


def test_without_the_middleware_the_dependency_says_what_to_do() -> None:
    app = FastAPI()

    @app.get("/", dependencies=[Depends(get_verified_identity)])
    async def page() -> None:
        """Never run."""

    with pytest.raises(ConfigurationError, match="put VerifyingMiddleware around"):
        TestClient(app).get("/")


def test_the_names_of_starlette_for_verifying_are_here_too() -> None:
    for name in (
        "VerifyingMiddleware",
        "RefusedToken",
        "refused_token_handler",
        "TokenBackend",
        "VerifiedUser",
    ):
        assert getattr(adapter, name) is getattr(starlette, name)
