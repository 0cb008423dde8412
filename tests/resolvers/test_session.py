"""The sessions, states and users that are identity, and the staff who act as the user."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from countermark import ConfigurationError, EventCounter, Keyring, Principal, Signer
from countermark.resolvers import UNKNOWN_ACTOR, from_session, from_state, from_user
from countermark.wsgi import SigningMiddleware
from tests.drivers import call, wsgi_answer

PARTS = [
    "path_params",
    "headers",
    "query_string",
    "cookies",
    "body",
    "bottle.request.query",
    "route.url_args",
    "wsgiorg.routing_args",
    "webob.adhoc_attrs",
    "HTTP_COOKIE",
]

MARKS: list[tuple[Any, str | None]] = [
    (None, None),
    (False, None),
    ("", None),
    ([], None),
    ({}, None),
    ("staff-1", "staff-1"),
    (7, "7"),
    (0, "0"),
    (True, UNKNOWN_ACTOR),
    (["staff-1"], UNKNOWN_ACTOR),
    ("two\nlines", UNKNOWN_ACTOR),
]


@pytest.mark.parametrize("session", PARTS)
def test_no_option_allows_a_part_of_the_request_as_session(session: str) -> None:
    for risk in (False, True):
        with pytest.raises(ConfigurationError, match="part of the request, which clients write"):
            from_session("user_id", session=session, risk_client_input=risk)


@pytest.mark.parametrize("session", ["my.session", "state", "SESSION", "user"])
def test_an_unknown_session_needs_risk_client_input(session: str) -> None:
    with pytest.raises(ConfigurationError, match=r"known ones are beaker\.session, session\."):
        from_session("user_id", session=session)
    resolve = from_session("user_id", session=session, risk_client_input=True)
    assert resolve({session: {"user_id": 7}}) == 7


def test_an_unknown_user_needs_risk_client_input() -> None:
    user = SimpleNamespace(id=7)
    assert from_user(key="countermark.user")({"countermark.user": user}) == 7
    with pytest.raises(ConfigurationError, match=r'Set scope\["countermark.user"\]'):
        from_user(key="app.user")
    assert from_user(key="app.user", risk_client_input=True)({"app.user": user}) == 7


def test_the_entries_of_frameworks_in_the_state_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="choose the entry that your authentication sets"):
        from_state("_ls_connection_state")


@pytest.mark.parametrize(("mark", "actor"), MARKS)
def test_any_mark_of_acting_staff_becomes_the_actor(mark: Any, actor: str | None) -> None:
    expected = 7 if actor is None else Principal(7, actor=actor)
    entries = {"user_id": 7, "staff": mark}
    assert from_session("user_id", actor="staff")({"session": entries}) == expected
    assert from_state("user_id", actor="staff")({"state": entries}) == expected
    found = from_user(actor="staff")({"user": SimpleNamespace(id=7, staff=mark)})
    assert found == Principal(7, actor=actor)
    found = from_user(email="mail", actor="staff")(
        {"user": SimpleNamespace(id=7, staff=mark, mail="a@b.example")}
    )
    assert found == Principal(7, email="a@b.example", actor=actor)


def test_an_actor_without_a_user_is_anonymous() -> None:
    resolve = from_session("user_id", actor="staff")
    assert resolve({"session": {"staff": 1}}) is None
    assert resolve({"session": {"user_id": 7}}) == 7
    assert resolve({}) is None


@pytest.mark.parametrize(
    ("resolver", "environ"),
    [
        (from_session("id", actor="staff"), {"session": {"id": 7, "staff": True}}),
        (from_user(actor="staff"), {"user": SimpleNamespace(id=7, staff=True)}),
    ],
)
def test_no_token_is_sent_while_staff_act(resolver: Any, environ: dict[str, Any]) -> None:
    counter = EventCounter()
    signer = Signer("stigg", Keyring("a secret with enough bytes for the tests of it"))
    for opted_in in (False, True):
        signing = SigningMiddleware(
            wsgi_answer(),
            signers=signer,
            principal=resolver,
            sign_impersonated=opted_in,
            on_event=counter,
        )
        sent = call(signing, **environ).header("Stigg-Customer-Token")
        assert (sent is not None) is opted_in
    assert counter.total("impersonated") >= 1
