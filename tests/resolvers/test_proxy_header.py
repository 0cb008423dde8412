"""The principal by a header of a trusted proxy: who is a peer, and what proves it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from countermark import ConfigurationError
from countermark.resolvers import (
    ReplacedPeer,
    UnprovenPeer,
    UntrustedHeader,
    from_proxy_header,
)
from countermark.wsgi import SigningMiddleware
from tests.conftest import Events
from tests.drivers import call, http_scope, wsgi_answer

HEADER = "X-Forwarded-User"
KEY = "HTTP_X_FORWARDED_USER"
PROXIES = ["10.0.0.0/8", "::1", "192.0.2.1"]


def ask(peer: str | None, *values: str, name: str = HEADER, proxies: Any = PROXIES) -> list[Any]:
    """Ask over both protocols, as servers would put it that keep the peer's address."""
    resolve = from_proxy_header(HEADER, proxies=proxies, server_keeps_peer=True)
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
def test_the_header_of_a_trusted_proxy_counts(peer: str) -> None:
    assert ask(peer, "user-1") == ["user-1"] * 2
    assert ask(peer, "é") == ["é"] * 2
    assert ask(peer, "") == [None] * 2
    assert ask(peer) == [None] * 2


@pytest.mark.parametrize("peer", ["11.0.0.1", "::2", "192.0.2.2", None, "testclient"])
def test_another_peer_is_anonymous(peer: str | None) -> None:
    assert ask(peer, "user-1") == [None] * 2


def test_a_unix_socket_is_trusted_only_if_it_is_listed() -> None:
    assert ask(None, "user-1", proxies="unix:") == ["user-1"] * 2
    assert ask("10.1.2.3", "user-1", proxies="unix:") == [None] * 2
    resolve = from_proxy_header(HEADER, proxies="unix:", server_keeps_peer=True)
    scope = http_scope(client=("", 50000), headers=[(HEADER.encode(), b"user-1")])
    assert resolve(scope) is None


def test_several_values_are_refused() -> None:
    assert ask("::1", "user-1", "user-2") == ["untrusted_header"] * 2
    assert ask("::1", "user-1,user-2") == ["untrusted_header"] * 2
    assert ask("11.0.0.1", "user-1", "user-2") == [None] * 2


@pytest.mark.parametrize("names", [["x-forwarded-user", "X_Forwarded_User"], ["x_forwarded-user"]])
def test_a_name_with_underscores_is_refused(names: list[str]) -> None:
    resolve = from_proxy_header(HEADER, proxies="::1", server_keeps_peer=True)
    headers = [(name.encode(), b"user-1") for name in names]
    with pytest.raises(UntrustedHeader, match="with underscores"):
        resolve(http_scope(client=("::1", 1), headers=headers))


def test_an_invalid_header_name_is_refused() -> None:
    for name in ("X_Forwarded_User", "", "X User"):
        with pytest.raises(ConfigurationError, match="invalid header name"):
            from_proxy_header(name, proxies="::1")


@pytest.mark.parametrize("value", ["False", 1, None])
def test_server_keeps_peer_must_be_true_or_false(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="True or False"):
        from_proxy_header(HEADER, proxies="::1", server_keeps_peer=value)


# What proves a peer


def scope_of(client: Any, **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return http_scope(client=client, headers=[(b"x-forwarded-user", b"ceo"), *pairs])


def environ_of(**entries: Any) -> dict[str, Any]:
    return {"REQUEST_METHOD": "GET", KEY: "ceo", "REMOTE_ADDR": "10.1.2.3"} | entries


BARE: dict[str, dict[str, Any]] = {
    "ASGI": scope_of(("10.1.2.3", 50000)),
    "WSGI": environ_of(),
    "WSGI with a port": environ_of(REMOTE_PORT="50000"),
    "a socket that does not know its peer": environ_of(**{"gunicorn.socket": object()}),
}


@pytest.mark.parametrize("case", BARE)
def test_an_unproven_address_needs_server_keeps_peer(case: str) -> None:
    with pytest.raises(UnprovenPeer, match="server_keeps_peer=True"):
        from_proxy_header(HEADER, proxies=PROXIES)(BARE[case])
    stated = from_proxy_header(HEADER, proxies=PROXIES, server_keeps_peer=True)
    assert stated(BARE[case]) == "ceo"


def test_a_request_without_the_header_is_anonymous_for_any_peer() -> None:
    resolve = from_proxy_header(HEADER, proxies=PROXIES)
    assert resolve(http_scope(client=("10.1.2.3", 0))) is None
    assert resolve({"REQUEST_METHOD": "GET", "REMOTE_ADDR": "10.1.2.3"}) is None


REPLACED: dict[str, dict[str, Any]] = {
    "port 0": scope_of(("10.1.2.3", 0)),
    "port 0 as text": scope_of(("10.1.2.3", "0")),
    "no port": scope_of(("10.1.2.3", None)),
    "a negative port": scope_of(("10.1.2.3", -5)),
    "a list": scope_of(["10.1.2.3", 0]),
    "an empty address": scope_of(("", 0)),
    "a port from a header": scope_of(("10.1.2.3", 8080), x_forwarded_for="10.1.2.3:8080"),
    "a port with zeros": scope_of(("10.1.2.3", 8080), x_forwarded_for="10.1.2.3:008080"),
    "a port with underscores": scope_of(("10.1.2.3", 8080), x_forwarded_for="10.1.2.3:8_080"),
    "a port of its own": scope_of(("10.1.2.3", 8080), x_forwarded_port="8080"),
    "Forwarded": scope_of(("10.1.2.3", 8080), forwarded='for="10.1.2.3:8080"'),
    "ProxyFix": environ_of(**{"werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "10.1.2.3"}}),
    "PROXY protocol": environ_of(PROXY_PROTOCOL="TCP4"),
    "a WSGI port": environ_of(REMOTE_PORT="8080", HTTP_X_FORWARDED_FOR="10.1.2.3:8080"),
    "a WSGI port of Forwarded": environ_of(REMOTE_PORT="81", HTTP_FORWARDED="for=10.1.2.3:081"),
}


@pytest.mark.parametrize("case", REPLACED)
def test_an_address_from_a_header_is_refused_despite_server_keeps_peer(case: str) -> None:
    for stated in (True, False):
        resolve = from_proxy_header(HEADER, proxies=PROXIES, server_keeps_peer=stated)
        with pytest.raises(ReplacedPeer, match="no-proxy-headers"):
            resolve(REPLACED[case])


def test_other_ports_in_headers_of_the_proxy_are_harmless() -> None:
    resolve = from_proxy_header(HEADER, proxies=PROXIES, server_keeps_peer=True)
    assert resolve(scope_of(("10.1.2.3", 50000), x_forwarded_for="1.2.3.4:443")) == "ceo"
    assert resolve(scope_of(("10.1.2.3", "50000"), x_forwarded_port="443")) == "ceo"
    assert resolve(scope_of(("10.1.2.3", 50000), x_real_ip="1.2.3.4:50000")) == "ceo"
    assert resolve(environ_of(REMOTE_PORT="50000", HTTP_X_FORWARDED_FOR="1.2.3.4")) == "ceo"
    scope = http_scope(client=("10.1.2.3", 50000), headers=[(b"x-forwarded-user", b"50000")])
    assert resolve(scope) == "50000"


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """Return the server's end of a connection from 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
        with client, ours:
            yield ours


@pytest.mark.parametrize("key", ["gunicorn.socket", "werkzeug.socket"])
def test_a_socket_proves_the_peer(connection: socket.socket, key: str) -> None:
    by_loopback = from_proxy_header(HEADER, proxies="127.0.0.1")
    cases: list[dict[str, Any]] = [
        {},
        {"werkzeug.proxy_fix.orig": {}},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
    ]
    for entries in cases:
        assert by_loopback(environ_of(**{key: connection}, **entries)) == "ceo"
    claims = from_proxy_header(HEADER, proxies="10.1.2.3", server_keeps_peer=True)
    assert claims(environ_of(**{key: connection})) is None


def test_a_unix_socket_proves_the_peer(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        environ = environ_of(**{"gunicorn.socket": ours})
        assert from_proxy_header(HEADER, proxies="unix:")(environ) == "ceo"
        assert from_proxy_header(HEADER, proxies="10.1.2.3")(environ) is None


def test_a_closed_connection_proves_nothing(connection: socket.socket) -> None:
    connection.close()
    with pytest.raises(UnprovenPeer, match="closed"):
        from_proxy_header(HEADER, proxies="127.0.0.1")(
            environ_of(**{"gunicorn.socket": connection})
        )


def test_a_refused_header_emits_an_event_with_the_class(stigg: Any, events: Events) -> None:
    app = SigningMiddleware(
        wsgi_answer(),
        signers=stigg,
        principal=from_proxy_header(HEADER, proxies="127.0.0.1"),
        on_event=events,
    )
    found = call(app, **{KEY: "ceo", "REMOTE_ADDR": "127.0.0.1"})
    assert found.header("Stigg-Customer-Token") is None
    (event,) = events.named("failed")
    assert (event.reason, event.error) == ("resolver_raised", "UnprovenPeer")
