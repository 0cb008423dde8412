"""Verifying in Starlette: the backend, the user, the middleware, websockets."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
    UnauthenticatedUser,
    requires,
)
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from countermark import ConfigurationError, Keyring, Signer, Verdict, VerifiedIdentity, Verifier
from countermark.asgi import SigningMiddleware
from countermark.errors import REFUSALS
from countermark.starlette import (
    RefusedToken,
    TokenBackend,
    VerifiedUser,
    VerifyingMiddleware,
    current_user_id,
    refused_token_handler,
    verified_identity_from,
)
from countermark.verifying import from_cookie, from_query
from tests.conftest import SECRET, Events
from tests.frameworks.tokens import BAD, FLOW, FLOW_SIGNER, NAME, NOW, VERIFIER, good

APP = "https://app.example"


def seen(connection: HTTPConnection) -> dict[str, Any]:
    """Return what an application sees of the user."""
    user = connection.user
    identity = getattr(user, "verified_identity", None)
    return {
        "authenticated": user.is_authenticated,
        "name": user.display_name,
        "scopes": connection.auth.scopes,
        "id": identity.principal_id if isinstance(identity, VerifiedIdentity) else None,
    }


NOBODY = {"authenticated": False, "name": "", "scopes": [], "id": None}


def somebody(id: str) -> dict[str, Any]:
    return {"authenticated": True, "name": id, "scopes": ["authenticated"], "id": id}


async def page(request: Request) -> Response:
    return JSONResponse(seen(request))


@requires("authenticated")
async def private(request: Request) -> Response:
    return JSONResponse({"mine": request.user.identity})


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(seen(websocket))
    await websocket.close()


ROUTES = [Route("/", page), Route("/private", private), WebSocketRoute("/ws", socket)]


def client_of(*middleware: Middleware) -> TestClient:
    return TestClient(Starlette(routes=ROUTES, middleware=middleware))


def by_backend(*, on_error: Any = refused_token_handler, **options: Any) -> TestClient:
    backend = TokenBackend(**({"verifier": VERIFIER} | options))
    return client_of(Middleware(AuthenticationMiddleware, backend=backend, on_error=on_error))


def by_middleware(**options: Any) -> TestClient:
    given: dict[str, Any] = {"verifier": VERIFIER, "mode": "enforce", "user": True} | options
    return client_of(Middleware(VerifyingMiddleware, **given))


def headers(*tokens: str) -> Any:
    return [(NAME, token) for token in tokens]


# The backend


def test_a_valid_token_authenticates_and_a_request_without_one_is_anonymous(events: Events) -> None:
    client = by_backend(on_event=events)
    for user in ("user-1", "user-2", "user-1"):
        assert client.get("/", headers=headers(good(user))).json() == somebody(user)
        assert client.get("/private", headers=headers(good(user))).json() == {"mine": user}
        assert client.get("/").json() == NOBODY
        assert client.get("/private").status_code == 403
    assert {event.name for event in events} == {"verified"}


@pytest.mark.parametrize("code", BAD)
def test_an_invalid_token_is_refused_with_its_code(code: str, events: Events) -> None:
    client = by_backend(on_event=events)
    answer = client.get("/", headers=headers(*BAD[code]))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == f'Countermark realm="dated", error="{code}"'
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert problem["type"] == f"urn:countermark:problem:{code}"
    assert problem["instance"] == f"urn:uuid:{events[0].correlation}"
    assert problem["hint"]
    assert [(event.name, event.reason) for event in events] == [("refused", code)]
    assert client.head("/", headers=headers(*BAD[code])).status_code == 401


def test_in_monitor_a_request_with_an_invalid_token_is_counted_and_anonymous() -> None:
    counted: list[Verdict] = []
    client = by_backend(mode="monitor", meter=counted.append)
    assert client.get("/").json() == NOBODY
    assert client.get("/", headers=headers("Bearer of-nothing")).json() == NOBODY
    assert client.get("/", headers=headers(good("user-2"))).json() == somebody("user-2")
    assert [(verdict.code, verdict.admitted_by) for verdict in counted] == [
        ("malformed", "monitor"),
        ("verified", "token"),
    ]


def test_it_is_answered_as_the_middleware_does() -> None:
    asked = headers(*BAD["expired"])
    by_these = [make().get("/", headers=asked) for make in (by_backend, by_middleware)]
    one, other = ({**answer.json(), "instance": ""} for answer in by_these)
    assert one == other
    assert dict(by_these[0].headers) == dict(by_these[1].headers)


def test_head_is_answered_without_a_body() -> None:
    scope = {"type": "http", "method": "HEAD", "headers": [(NAME.lower().encode(), b"bad")]}
    connection = HTTPConnection(scope)
    with pytest.raises(RefusedToken) as caught:
        TokenBackend(VERIFIER).authenticate(connection).send(None)
    answer = refused_token_handler(connection, caught.value)
    assert (answer.status_code, answer.body) == (401, b"")
    assert int(answer.headers["content-length"]) > 0


def test_without_on_error_the_request_is_still_refused() -> None:
    answer = by_backend(on_error=None).get("/", headers=headers("bad"))
    assert answer.status_code == 400
    assert REFUSALS["malformed"].capitalize() in answer.text


def test_an_error_of_another_backend_is_answered_as_before() -> None:
    class Fussy(TokenBackend):
        async def authenticate(
            self, conn: HTTPConnection
        ) -> tuple[AuthCredentials, BaseUser] | None:
            raise AuthenticationError("not on Sundays")

    backend = Middleware(
        AuthenticationMiddleware, backend=Fussy(VERIFIER), on_error=refused_token_handler
    )
    answer = client_of(backend).get("/")
    assert (answer.status_code, answer.text) == (400, "not on Sundays")


def test_the_application_handles_errors_of_views() -> None:
    async def view(request: Request) -> Response:
        await TokenBackend(VERIFIER).authenticate(request)
        raise AssertionError

    plain = TestClient(Starlette(routes=[Route("/", view)])).get("/", headers=headers("bad"))
    assert (plain.status_code, plain.headers["cache-control"]) == (401, "no-store")
    assert plain.headers["www-authenticate"].endswith('error="malformed"')
    assert plain.headers["content-type"].startswith("text/plain")
    app = Starlette(
        routes=[Route("/", view)], exception_handlers={RefusedToken: refused_token_handler}
    )
    problem = TestClient(app).get("/", headers=headers("bad")).json()
    assert problem["type"] == "urn:countermark:problem:malformed"


def test_the_backend_reads_the_token_and_the_claimed_id_from_the_query() -> None:
    client = by_backend(
        verifier=FLOW, token=from_query("signature"), claimed_id=from_query("customerReference")
    )
    mine = {"signature": FLOW_SIGNER.sign("user-1"), "customerReference": "user-1"}
    assert client.get("/", params=mine).json() == somebody("user-1")
    assert client.get("/", params=mine | {"customerReference": "user-2"}).status_code == 401
    assert client.get("/", params={"customerReference": "user-1"}).json() == NOBODY


def test_a_page_of_another_origin_cannot_use_a_cookie() -> None:
    client = by_backend(token=from_cookie("t"), origins=[APP])
    client.cookies.set("t", good())
    mine = client.get("/", headers={"origin": APP})
    assert mine.json() == somebody("user-1")
    refused = client.get("/", headers={"origin": "https://elsewhere.example"})
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:countermark:problem:origin_refused"
    assert refused.headers["vary"] == "Origin"


def test_mistakes_show_when_the_application_is_built() -> None:
    for options in (
        {"verifier": "stigg"},
        {"verifier": FLOW},
        {"verifier": FLOW, "token": from_query("signature")},
        {"token": 7},
        {"origins": ["http://app.example"]},
    ):
        with pytest.raises(ConfigurationError):
            TokenBackend(**({"verifier": VERIFIER} | options))


def test_a_websocket_with_an_invalid_token_is_not_accepted() -> None:
    client = by_backend()
    with client.websocket_connect("/ws", headers=dict(headers(good()))) as websocket:
        assert websocket.receive_json() == somebody("user-1")
    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_json() == NOBODY
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws", headers={NAME: "bad"}):
        pass


# The user


def test_a_user_has_the_identity_and_does_not_show_it() -> None:
    user = VerifiedUser(VERIFIER.verify(good("user-1")))
    assert (user.identity, user.display_name) == ("user-1", "user-1")
    assert user.is_authenticated
    assert repr(user) == "<VerifiedUser dated>"
    assert current_user_id({"user": user}) == "user-1"


def test_a_user_without_an_id_is_not_asked_for_one() -> None:
    user = VerifiedUser(VerifiedIdentity("dated", None, "key", "current"))
    assert user.display_name == ""
    with pytest.raises(ConfigurationError, match="claims"):
        _ = user.identity


# The middleware


@pytest.mark.parametrize("mode", ["monitor", "enforce"])
def test_the_verdict_makes_the_user(mode: str) -> None:
    client = by_middleware(mode=mode)
    for user in ("user-1", "user-2", "user-1"):
        assert client.get("/", headers=headers(good(user))).json() == somebody(user)
        assert client.get("/private", headers=headers(good(user))).json() == {"mine": user}
    with client.websocket_connect("/ws", headers=dict(headers(good()))) as websocket:
        assert websocket.receive_json() == somebody("user-1")


@pytest.mark.parametrize("code", ["missing", *BAD])
def test_in_monitor_an_unverified_request_is_anonymous(code: str) -> None:
    client = by_middleware(mode="monitor")
    asked = headers(*BAD.get(code, []))
    assert client.get("/", headers=asked).json() == NOBODY
    assert client.get("/private", headers=asked).status_code == 403


def test_in_the_mode_off_every_request_is_anonymous() -> None:
    client = by_middleware(mode="off")
    assert client.get("/", headers=headers(good())).json() == NOBODY


def test_a_refused_request_does_not_reach_the_application() -> None:
    client = by_middleware()
    assert client.get("/").status_code == 401
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws"):
        pass


class Outer(AuthenticationBackend):
    """Signs in a user of its own."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser]:
        return AuthCredentials(["authenticated", "admin"]), SimpleUser("the admin")


def test_the_user_of_an_outer_middleware_is_replaced_if_asked() -> None:
    outer = Middleware(AuthenticationMiddleware, backend=Outer())

    def behind_outer(*, user: bool) -> TestClient:
        options: Any = {"verifier": VERIFIER, "mode": "monitor", "user": user}
        return client_of(outer, Middleware(VerifyingMiddleware, **options))

    replaced = behind_outer(user=True)
    assert replaced.get("/", headers=headers(good())).json() == somebody("user-1")
    assert replaced.get("/").json() == NOBODY
    assert behind_outer(user=False).get("/").json()["name"] == "the admin"


def test_lifespans_have_no_user() -> None:
    app = Starlette(routes=ROUTES)
    middleware = VerifyingMiddleware(app, verifier=VERIFIER, mode="monitor", user=True)
    with TestClient(middleware) as client:
        assert client.get("/").json() == NOBODY


def test_the_verified_identity_of_a_request_can_be_read(events: Events) -> None:
    found: list[VerifiedIdentity | None] = []

    async def view(request: Request) -> Response:
        found.append(verified_identity_from(request))
        assert found[-1] is request.state.countermark_verified_identity
        return JSONResponse(isinstance(request.user, UnauthenticatedUser))

    app = Starlette(routes=[Mount("/api", routes=[Route("/", view)])])
    options: Any = {"verifier": VERIFIER, "mode": "monitor", "user": True, "on_event": events}
    app.add_middleware(VerifyingMiddleware, **options)
    TestClient(app).get("/api/", headers=headers(good()))
    assert TestClient(app).get("/api/").json() is True
    assert [identity and identity.principal_id for identity in found] == ["user-1", None]
    assert [event.name for event in events] == ["verified", "would_refuse"]


def test_without_the_middleware_it_says_what_to_do() -> None:
    connection = HTTPConnection({"type": "http", "headers": []})
    with pytest.raises(ConfigurationError, match="put VerifyingMiddleware around"):
        verified_identity_from(connection)


def test_a_verified_principal_can_be_signed() -> None:
    signer = Signer("stigg", Keyring(SECRET))
    client = client_of(
        Middleware(VerifyingMiddleware, verifier=VERIFIER, mode="monitor", user=True),
        Middleware(SigningMiddleware, signers=signer, principal=current_user_id),
    )
    answer = client.get("/", headers=headers(good()))
    assert answer.headers["stigg-customer-token"] == signer.sign("user-1")
    assert "stigg-customer-token" not in client.get("/").headers


def test_pages_elsewhere_read_refusals_if_the_cors_middleware_is_outside() -> None:
    client = client_of(
        Middleware(CORSMiddleware, allow_origins=[APP], allow_headers=[NAME]),
        Middleware(VerifyingMiddleware, verifier=VERIFIER, mode="enforce"),
    )
    asked = {"origin": APP, "access-control-request-method": "GET"}
    preflight = client.options("/", headers=asked | {"access-control-request-headers": NAME})
    assert preflight.status_code == 200
    refused = client.get("/", headers={"origin": APP})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == APP


def test_the_vendors_own_scheme_is_read_from_its_header() -> None:
    stigg = Verifier("stigg", Keyring(SECRET), clock=lambda: NOW)
    signer = Signer("stigg", Keyring(SECRET))
    for client in (by_backend(verifier=stigg), by_middleware(verifier=stigg)):
        asked = {"X-CUSTOMER-KEY": signer.sign("user-1")}
        assert client.get("/", headers=asked).json() == somebody("user-1")
