"""The ready-made resolvers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from countermark import ConfigurationError, Principal
from countermark.resolvers import (
    from_environ,
    from_session,
    from_state,
    from_user,
)


def user(**attributes: Any) -> SimpleNamespace:
    return SimpleNamespace(**attributes)


@pytest.mark.parametrize(
    ("scope", "principal"),
    [
        ({}, None),
        ({"user": None}, None),
        ({"user": user(id="user-1")}, "user-1"),
        ({"user": user(id=7, is_authenticated=True)}, 7),
        ({"user": user(id="user-1", is_authenticated=False)}, None),
        ({"user": user(is_authenticated=False)}, None),
    ],
)
def test_from_user(scope: dict[str, Any], principal: Any) -> None:
    assert from_user()(scope) == principal


def test_from_user_by_other_names() -> None:
    assert from_user("pk", key="countermark.user")({"countermark.user": user(pk=7)}) == 7
    with pytest.raises(AttributeError):
        from_user("pk")({"user": user(id=7)})


def test_from_user_with_more_than_an_id() -> None:
    resolve = from_user("pk", email="email", name="full_name", tenant="org_id")
    scope = {"user": user(pk=7, email="a@b.example", full_name="Ann", org_id=3)}
    assert resolve(scope) == Principal(7, email="a@b.example", name="Ann", tenant=3)
    blank = {"user": user(pk=7, email="", full_name=None, org_id=3)}
    assert resolve(blank) == Principal(7, tenant=3)
    assert resolve({"user": user(pk=None, email="", full_name="", org_id=3)}) is None
    for name in ("colour", "id"):
        named: dict[str, Any] = {name: "x"}
        with pytest.raises(ConfigurationError, match="is not an argument of Principal; use"):
            from_user("pk", **named)


def test_from_session_and_state() -> None:
    assert from_session("user_id")({"session": {"user_id": 7}}) == 7
    assert from_session("user_id")({"session": {}}) is None
    assert from_session("user_id")({}) is None
    assert (
        from_session("user_id", session="beaker.session")({"beaker.session": {"user_id": 7}}) == 7
    )
    assert from_state("user_id")({"state": {"user_id": 7}}) == 7


def test_from_environ() -> None:
    assert from_environ()({"REMOTE_USER": "user-1"}) == "user-1"
    assert from_environ()({"REMOTE_USER": ""}) is None
    assert from_environ()({}) is None
    assert from_environ()({"REMOTE_USER": "é".encode().decode("latin-1")}) == "é"
    with pytest.raises(UnicodeDecodeError):
        from_environ()({"REMOTE_USER": "\xff"})


@pytest.mark.parametrize(
    "key",
    [
        "HTTP_X_USER",
        "CONTENT_TYPE",
        "content_length",
        "QUERY_STRING",
        "PATH_INFO",
        "REQUEST_URI",
        "RAW_URI",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "REMOTE_ADDR",
    ],
)
def test_environ_variables_of_the_request_are_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="which clients write"):
        from_environ(key)


def test_parts_of_the_path_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="which clients write"):
        from_session("user_id", session="path_params")
