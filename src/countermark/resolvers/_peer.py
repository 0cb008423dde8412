"""The address of the peer, as far as a server can prove it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from countermark.resolvers._request_header import UntrustedHeader

# The environ keys for the connection's socket, of gunicorn and Werkzeug.
_SOCKETS = ("gunicorn.socket", "werkzeug.socket")

# The headers from which servers take a client's address and port.
_SOURCES = (b"forwarded", b"x-forwarded-for", b"x-forwarded-port")
_VARIABLES = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PORT")

# Python's int() accepts underscores between digits and leading zeros, so servers do too.
_NUMBER = re.compile(rb"[0-9][0-9_]*")
_PORT = re.compile("[1-9][0-9]{0,4}")


class ReplacedPeer(UntrustedHeader):
    """The server or a middleware replaced the peer's address with one from a request header.

    Clients can write that header. Turn the replacement off: start uvicorn with
    ``--no-proxy-headers``, daphne without ``--proxy-headers``; remove ``ProxyFix`` or
    ``ProxyFixMiddleware``.
    """

    code = "replaced_peer"


class UnprovenPeer(UntrustedHeader):
    """The server cannot prove that the peer's address is that of the connection.

    Make sure that nothing replaces the address, then pass
    ``from_proxy_header(…, server_keeps_peer=True)``.
    """

    code = "unproven_peer"


def peer_of(source: Mapping[str, Any], *, server_keeps_peer: bool) -> str | None:
    """Return the address of the peer, or None for a peer on a Unix socket.

    Args:
        source: The ASGI scope or WSGI environ.
        server_keeps_peer: True if the user states that nothing replaces the address.

    Raises:
        ReplacedPeer: The address was replaced, or may come from a header.
        UnprovenPeer: The server does not prove the address, and the user did not confirm it.
    """
    if "REQUEST_METHOD" in source:
        # gunicorn sets this for relays with the PROXY protocol, which pass on client input.
        if "PROXY_PROTOCOL" in source:
            raise _replaced("a relay that speaks the PROXY protocol")
        for key in _SOCKETS:
            connection = source.get(key)
            if hasattr(connection, "getpeername"):
                return _peer_of_connection(connection)
        peer = _peer_in_environ(source)
    else:
        peer = _peer_in_scope(source)
    if not server_keeps_peer:
        raise UnprovenPeer(
            "this server cannot prove the peer's address: make sure that nothing replaces it with"
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


def _peer_in_environ(environ: Mapping[str, Any]) -> str | None:
    if "werkzeug.proxy_fix.orig" in environ:
        raise _replaced("werkzeug's ProxyFix")
    port = str(environ.get("REMOTE_PORT", ""))
    values = (environ.get(name, "").encode("latin-1") for name in _VARIABLES)
    if port and _is_in(port, values):
        raise _replaced("the server")
    return environ.get("REMOTE_ADDR") or None


def _peer_in_scope(scope: Mapping[str, Any]) -> str | None:
    client = scope.get("client")
    if client is None:
        return None
    host, port = client
    # A connection has a port. With an address from a header, the port is 0 (uvicorn,
    # hypercorn, daphne, granian) or comes from a header too. Granian's ports are text.
    number = str(port)
    values = (value for name, value in scope["headers"] if name.lower() in _SOURCES)
    if not _PORT.fullmatch(number) or _is_in(number, values):
        raise _replaced("the server or a middleware")
    address: str = host or "unknown"  # empty text is not a Unix socket
    return address


def _is_in(port: str, values: Iterable[bytes]) -> bool:
    """Return True if a header from which servers take ports holds *port*."""
    wanted = port.encode()
    return any(
        number.replace(b"_", b"").lstrip(b"0") == wanted
        for value in values
        for number in _NUMBER.findall(value)
    )


def _replaced(what: str) -> ReplacedPeer:
    return ReplacedPeer(
        f"{what} replaced the peer's address with one from a header, which clients can write;"
        " turn that off (uvicorn --no-proxy-headers), or remove the middleware that does it"
    )
