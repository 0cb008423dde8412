"""The address at the other end of the connection, as far as a server can prove it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from countermark.resolvers._request_header import UntrustedHeader

# Environ keys of servers that hand over the connection's socket: gunicorn, Werkzeug.
_SOCKETS = ("gunicorn.socket", "werkzeug.socket")

# The headers from which servers take a client's address and port.
_SOURCES = ("forwarded", "x-forwarded-for", "x-forwarded-port")

# Python's int() reads underscores between digits and zeros in front, so servers do too.
_NUMBER = re.compile(rb"[0-9][0-9_]*")
_PORT = re.compile("[1-9][0-9]{0,4}")


class ReplacedPeer(UntrustedHeader):
    """The server or a middleware replaced the peer's address by one from a request header.

    Clients can write that header. Turn the replacement off: start uvicorn with
    ``--no-proxy-headers``, daphne without ``--proxy-headers``; remove ``ProxyFix`` or
    ``ProxyFixMiddleware``.
    """

    code = "replaced_peer"


class UnprovenPeer(UntrustedHeader):
    """The server cannot prove that the peer's address is the one of the connection.

    Make sure that nothing replaces the address, then state it with
    ``from_proxy_header(…, server_keeps_peer=True)``.
    """

    code = "unproven_peer"


def peer_of(source: Mapping[str, Any], *, server_keeps_peer: bool) -> str | None:
    """Return the address of the peer, or None for a peer on a Unix socket.

    Args:
        source: The ASGI scope or WSGI environ.
        server_keeps_peer: Whether the user states that nothing replaces the address.

    Raises:
        ReplacedPeer: The address was replaced, or it may have been taken from a header.
        UnprovenPeer: The server does not prove the address, and the user did not state it.
    """
    if "REQUEST_METHOD" in source:
        # gunicorn's word for a relay that passes on what clients write (PROXY protocol).
        if "PROXY_PROTOCOL" in source:
            raise _replaced("a relay that speaks the PROXY protocol")
        for key in _SOCKETS:
            connection = source.get(key)
            if hasattr(connection, "getpeername"):
                return _peer_of_connection(connection)
        peer: str | None = _stated_by_environ(source)
    else:
        peer = _stated_by_scope(source)
    if not server_keeps_peer:
        raise UnprovenPeer(
            "this server cannot prove the peer's address: make sure that nothing replaces it by"
            " one from a header (uvicorn --no-proxy-headers), then pass server_keeps_peer=True"
        )
    return peer


def _peer_of_connection(connection: Any) -> str | None:
    try:
        name = connection.getpeername()
    except OSError as error:
        raise UnprovenPeer("the connection is closed, so its peer is unknown") from error
    # A name that is not a tuple is the path of a Unix socket.
    return name[0] if isinstance(name, tuple) else None


def _stated_by_environ(environ: Mapping[str, Any]) -> str | None:
    if "werkzeug.proxy_fix.orig" in environ:
        raise _replaced("werkzeug's ProxyFix")
    port = str(environ.get("REMOTE_PORT", ""))
    if port and _is_in(port, _forwarded_in_environ(environ)):
        raise _replaced("the server")
    return environ.get("REMOTE_ADDR") or None


def _stated_by_scope(scope: Mapping[str, Any]) -> str | None:
    client = scope.get("client")
    if client is None:
        return None
    host, port = client
    # A connection has a port. An address from a header comes with port 0 (uvicorn, hypercorn,
    # daphne, granian) or with a port from a header. Granian gives ports as text.
    number = str(port)
    if not _PORT.fullmatch(number) or _is_in(number, _forwarded_in_scope(scope)):
        raise _replaced("the server or a middleware")
    address: str = host or "unknown"  # empty text is not a Unix socket
    return address


def _forwarded_in_environ(environ: Mapping[str, Any]) -> Iterator[bytes]:
    for name in _SOURCES:
        yield environ.get("HTTP_" + name.upper().replace("-", "_"), "").encode("latin-1")


def _forwarded_in_scope(scope: Mapping[str, Any]) -> Iterator[bytes]:
    for name, value in scope["headers"]:
        if name.lower().decode("latin-1") in _SOURCES:
            yield value


def _is_in(port: str, values: Iterator[bytes]) -> bool:
    wanted = port.encode()
    return any(
        number.replace(b"_", b"").lstrip(b"0") == wanted
        for value in values
        for number in _NUMBER.findall(value)
    )


def _replaced(what: str) -> ReplacedPeer:
    return ReplacedPeer(
        f"{what} replaced the peer's address by one from a header, which clients can write;"
        " turn that off (uvicorn --no-proxy-headers), or remove the middleware that does it"
    )
