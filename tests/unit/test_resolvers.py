"""The ready-made resolvers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from countermark import ConfigurationError, Principal
from countermark.resolvers import (
    UntrustedHeader,
    from_environ,
    from_proxy_header,
    from_session,
    from_state,
    from_user,
)
from tests.drivers import http_scope

HEADER = "X-Forwarded-User"


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
        with pytest.raises(ConfigurationError, match=f"{name}= is no argument of a Principal"):
            named: dict[str, Any] = {name: "x"}
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


class TestProxyHeader:
    @staticmethod
    def ask(peer: str | None, *values: str, name: str = HEADER, proxies: Any = None) -> list[Any]:
        """Ask over both protocols, as servers would put it."""
        resolve = from_proxy_header(HEADER, proxies=proxies or ["10.0.0.0/8", "::1", "192.0.2.1"])
        headers = [(b"host", b"a"), *[(name.encode(), value.encode()) for value in values]]
        client = None if peer is None else (peer, 50000)
        environ = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": peer or ""}
        if values:
            joined = ",".join(values).encode().decode("latin-1")
            environ["HTTP_" + name.upper().replace("-", "_")] = joined
        answers = []
        for source in (http_scope(headers=headers, client=client), environ):
            try:
                answers.append(resolve(source))
            except UntrustedHeader as error:
                answers.append(error.code)
        return answers

    @pytest.mark.parametrize("peer", ["10.1.2.3", "::1", "192.0.2.1", "::ffff:10.1.2.3"])
    def test_a_proxy_is_believed(self, peer: str) -> None:
        assert self.ask(peer, "user-1") == ["user-1"] * 2
        assert self.ask(peer, "é") == ["é"] * 2
        assert self.ask(peer, "") == [None] * 2
        assert self.ask(peer) == [None] * 2

    @pytest.mark.parametrize("peer", ["11.0.0.1", "::2", "192.0.2.2", None, "testclient", ""])
    def test_nobody_else_is(self, peer: str | None) -> None:
        assert self.ask(peer, "user-1") == [None] * 2

    def test_a_unix_socket_is_believed_only_when_named(self) -> None:
        assert self.ask(None, "user-1", proxies="unix:") == ["user-1"] * 2
        assert self.ask("10.1.2.3", "user-1", proxies="unix:") == [None] * 2

    def test_several_values_are_nobodys(self) -> None:
        assert self.ask("::1", "user-1", "user-2") == ["untrusted_header"] * 2
        assert self.ask("::1", "user-1,user-2") == ["untrusted_header"] * 2

    @pytest.mark.parametrize(
        "names", [["x-forwarded-user", "X_Forwarded_User"], ["x_forwarded-user"]]
    )
    def test_an_underscore_for_a_hyphen_is_somebody_elses_work(self, names: list[str]) -> None:
        resolve = from_proxy_header(HEADER, proxies="::1")
        headers = [(name.encode(), b"user-1") for name in names]
        with pytest.raises(UntrustedHeader, match="with underscores"):
            resolve(http_scope(client=("::1", 1), headers=headers))

    def test_a_name_that_could_never_match_is_refused(self) -> None:
        for name in ("X_Forwarded_User", "", "X User"):
            with pytest.raises(ConfigurationError, match="no header name"):
                from_proxy_header(name, proxies="::1")


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
def test_what_clients_write_is_nobodys_word(key: str) -> None:
    with pytest.raises(ConfigurationError, match="which clients write"):
        from_environ(key)


def test_nor_are_the_parts_of_a_path() -> None:
    with pytest.raises(ConfigurationError, match="which clients write"):
        from_session("user_id", session="path_params")
