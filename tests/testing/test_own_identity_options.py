"""The options of the assertion, and the cases in which it tests nothing."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from django.test import AsyncClient
from flask import Flask
from werkzeug.test import Client

from countermark import ConfigurationError, InvalidPrincipal, Keyring, Principal, Signer
from countermark.testing import assert_own_identity_only
from tests.conftest import SECRET
from tests.testing.wsgi_users import (
    STIGG,
    USERS,
    UserClient,
    client_of,
    log_in,
    log_out,
    token,
)

CLOSED = ("Cache-Control", "private, no-store")


def page(environ: Any, user: str | None) -> Any:
    return 200, [CLOSED], token(user)


GOOD_CLIENT = client_of(page)
GOOD: dict[str, Any] = {
    "client": GOOD_CLIENT,
    "login": log_in,
    "users": USERS,
    "paths": ["/"],
    "signers": STIGG,
    "logout": log_out,
}


async def asynchronous(*arguments: Any) -> None:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("client", None, "client= must be a function"),
        ("client", GOOD_CLIENT(), "client= must be a function"),
        ("client", asynchronous, "client= must be a function"),
        ("client", lambda: None, "client= must return a synchronous test client"),
        ("client", httpx2.AsyncClient, "client= must return a synchronous test client"),
        ("client", AsyncClient, "client= must return a synchronous test client"),
        ("login", None, "login= must be a function"),
        ("login", asynchronous, "login= must be a function, not async"),
        ("logout", asynchronous, "logout= must be a function, not async"),
        ("users", ["ann", "ben"], "users= must be a mapping"),
        ("users", {"ann": "user-1"}, "of two users or more"),
        ("users", {"ann": "user-1", "ben": Principal("user-1")}, "different principals"),
        ("paths", "/", "paths= must be a list"),
        ("paths", ["page"], "each of paths="),
        ("paths", ["get /"], "each of paths="),
        ("paths", None, "the routes of the application are unknown"),
        ("signers", [], "at least one signer"),
        ("signers", 7, "scheme"),
        ("signers", "stigg", "STIGG_SIGNING_SECRET is not set"),
        ("parameters", "uid", "parameters= must be a list"),
        ("max_requests", 0, "max_requests= must be a whole number above 0"),
        ("max_requests", "10", "max_requests= must be a whole number above 0"),
    ],
    ids=str,
)
def test_an_invalid_option_is_a_configuration_error(
    option: str, value: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STIGG_SIGNING_SECRET", raising=False)
    assert_own_identity_only(**GOOD)
    with pytest.raises(ConfigurationError, match=message):
        assert_own_identity_only(**GOOD | {option: value})


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("methods", "GET", "methods= must be a list"),
        ("methods", [], "methods= must name some of GET, POST"),
        ("methods", ["get"], "methods= must name some of GET, POST"),
        ("exclude", [7], "exclude= must be a list"),
    ],
    ids=str,
)
def test_an_invalid_option_for_the_router_is_a_configuration_error(
    option: str, value: Any, message: str
) -> None:
    app = Flask(__name__)
    given = GOOD | {"client": app.test_client, "paths": None, option: value}
    with pytest.raises(ConfigurationError, match=message):
        assert_own_identity_only(**given)


def test_an_id_that_cannot_be_signed_is_refused() -> None:
    with pytest.raises(InvalidPrincipal):
        assert_own_identity_only(**GOOD | {"users": {"ann": "user-1", "ben": ""}})


def test_a_client_without_cookies_is_accepted() -> None:
    app = GOOD["client"]().application
    assert_own_identity_only(**GOOD | {"client": lambda: UserClient(app, use_cookies=False)})


def test_the_client_of_httpx_is_driven_with_cookies() -> None:
    def view(environ: Any, user: str | None) -> Any:
        cookies = dict(
            part.split("=") for part in environ.get("HTTP_COOKIE", "").split("; ") if part
        )
        return 200, [CLOSED], token(cookies.get("uid") or cookies.get("session"))

    app = client_of(view)().application

    def create() -> httpx2.Client:
        return httpx2.Client(transport=httpx2.WSGITransport(app=app), base_url="http://testserver")

    def sign_in(client: httpx2.Client, user: str) -> None:
        client.cookies.set("session", USERS[user])

    with pytest.raises(AssertionError, match="    Cookie: uid=user-1"):
        assert_own_identity_only(**GOOD | {"client": create, "login": sign_in, "logout": None})


def test_the_cookie_of_a_session_is_not_replaced_by_that_of_a_claim() -> None:
    sessions = {"a1": "user-1", "b2": "user-2"}

    def view(environ: Any, user: str | None) -> Any:
        signed_in = sessions.get(environ.get("HTTP_COOKIE", "").partition("uid=")[2][:2])
        return 200, [CLOSED], token(signed_in and environ.get("HTTP_X_REMOTE_USER", signed_in))

    def sign_in(client: Any, user: str) -> None:
        client.set_cookie("uid", {"ann": "a1", "ben": "b2"}[user])

    changes = {"client": client_of(view), "login": sign_in, "logout": None}
    with pytest.raises(AssertionError, match="    X-Remote-User: user-2"):
        assert_own_identity_only(**GOOD | changes)


# Nothing was tested


def test_it_fails_if_a_user_never_gets_a_token() -> None:
    def view(environ: Any, user: str | None) -> Any:
        if user == "user-1":
            return 200, [CLOSED], token(user)
        if user is None:
            raise ZeroDivisionError
        return 403, [], ""

    with pytest.raises(AssertionError, match="no response has a token of 'ben'") as caught:
        assert_own_identity_only(**GOOD | {"client": client_of(view)})
    for outcome in ("status 200: ", "status 403: ", "ZeroDivisionError: "):
        assert outcome in str(caught.value)
    with pytest.raises(AssertionError, match=r"\(responses: none\)"):
        assert_own_identity_only(**GOOD | {"paths": []})


def test_it_fails_if_the_tokens_are_of_another_key_or_principal() -> None:
    other = Signer("stigg", Keyring("another-" + SECRET))
    headers = [CLOSED, ("Stigg-Customer-Token", other.sign("user-1"))]
    client = client_of(lambda environ, user: (200, headers if user else [], ""))
    with pytest.raises(AssertionError, match="not the token of any of users=") as caught:
        assert_own_identity_only(**GOOD | {"client": client})
    assert "the signature does not match" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("name", "its values differ from users=: name"),
        ("email", "users= has no principal with this id and these other values"),
    ],
)
def test_a_token_with_a_value_of_another_user_fails(value: str, reason: str) -> None:
    jwt = Signer("intercom-jwt", Keyring(SECRET))
    users = {
        name: Principal(id, email=f"{name}@a.example", name=name) for name, id in USERS.items()
    }

    def view(environ: Any, user: str | None) -> Any:
        body = jwt.sign(Principal(user, **{value: getattr(users["ann"], value)})) if user else ""
        return 200, [CLOSED], body

    changes = {"client": client_of(view), "users": users, "signers": jwt}
    with pytest.raises(AssertionError, match=reason):
        assert_own_identity_only(**GOOD | changes)


def test_a_claim_that_each_request_changes_is_not_a_fault() -> None:
    count = iter(range(10_000))
    jwt = Signer("intercom-jwt", Keyring(SECRET), claims=["nonce"])

    def view(environ: Any, user: str | None) -> Any:
        values = {"nonce": str(next(count))}
        body = jwt.sign(Principal(user, attributes=values)) if user else ""
        return 200, [CLOSED], body

    assert_own_identity_only(**GOOD | {"client": client_of(view), "signers": jwt})


# Logout


def test_the_response_to_a_logout_is_checked() -> None:
    def sign_out(client: Any) -> Any:
        response = client.get("/out")
        client.user = None
        return response

    with pytest.raises(AssertionError) as caught:
        assert_own_identity_only(**GOOD | {"logout": sign_out})
    message = str(caught.value)
    assert message.startswith("the response to logout= has a token of 'ann'\n")
    assert "GET /\n" not in message
    assert "token: stigg, in the body, of 'ann'" in message
    assert "forget()" in message


def test_routes_that_are_limited_are_not_taken_for_tested() -> None:
    sent = iter(range(1000))

    def view(environ: Any, user: str | None) -> Any:
        return (200, [CLOSED], token(user)) if next(sent) < 10 else (429, [CLOSED], "")

    with pytest.raises(AssertionError) as caught:
        assert_own_identity_only(**GOOD | {"client": client_of(view)})
    assert str(caught.value).startswith("the application refused ")
    assert "(status 429)" in str(caught.value)


def test_an_id_that_a_header_cannot_hold_is_tried_in_other_places() -> None:
    flow, users = Signer("cognito-flow", Keyring(SECRET)), {"ann": "user-1", "ben": "user-é"}

    def sign_in(client: Any, user: str) -> None:
        client.user = user

    def view(environ: Any, user: str | None) -> Any:
        asked = "sub=user-%C3%A9" in environ["QUERY_STRING"]
        return 200, [CLOSED], "" if user is None else flow.sign(users["ben" if asked else user])

    changes = {"client": client_of(view), "login": sign_in, "users": users, "signers": flow}
    with pytest.raises(AssertionError, match=r"    GET /\?sub=user-%C3%A9"):
        assert_own_identity_only(**GOOD | changes)


def test_users_may_be_any_objects() -> None:
    users = {(1, "ann"): "user-1", 2: "user-2"}

    def sign_in(client: Any, user: Any) -> None:
        client.user = users[user]

    def view(environ: Any, user: str | None) -> Any:
        asked = environ.get("HTTP_X_USER_ID", "")
        return 200, [CLOSED], token("user-2" if asked == "2" and user else user)

    changes = {"client": client_of(view), "login": sign_in, "users": users}
    with pytest.raises(AssertionError, match=r"requested by \(1, 'ann'\), has a token of 2"):
        assert_own_identity_only(**GOOD | changes)
    assert isinstance(GOOD["client"](), Client)
