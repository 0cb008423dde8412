"""The principal in a header that a trusted proxy sets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from countermark._redaction import guarded
from countermark.errors import ConfigurationError
from countermark.principal import Identifier
from countermark.resolvers._peer import peer_of
from countermark.resolvers._request_header import RequestHeader
from countermark.signing._principal_lookup import Resolver

#: The entry of ``proxies`` for peers on a Unix socket, which have no address.
UNIX_SOCKET = "unix:"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@guarded
def from_proxy_header(
    name: str, *, proxies: Iterable[str], server_keeps_peer: bool = False
) -> Resolver:
    """Resolve by the header *name* of requests whose connection comes from a trusted proxy.

    The proxy must drop or overwrite the header on every request, including its spelling
    with underscores, because WSGI cannot distinguish the two spellings. A relay of TCP
    connections is not such a proxy: it passes on client input.

    The address of the peer counts only if it is proven. gunicorn and Werkzeug's server
    provide the socket of a WSGI request, so they need no option. Other servers provide an
    address only, and uvicorn replaces it with one from ``X-Forwarded-For`` by default. Start
    uvicorn with ``--no-proxy-headers``, remove other middleware of that kind, and pass
    ``server_keeps_peer=True``.

    A request without the header, or from another peer, is anonymous. The resolver raises
    :class:`ReplacedPeer` if the address was replaced, :class:`UnprovenPeer` if nothing
    proves it, and :class:`UntrustedHeader` for a duplicate header: the event ``failed``
    names the class, and the response has no token.

    Args:
        name: The header, for instance ``X-Forwarded-User``.
        proxies: Addresses or networks, for instance ``10.0.0.0/8``; and
            ``unix:`` for peers on a Unix socket.
        server_keeps_peer: True states that neither the server nor a middleware takes
            the peer's address from a header or from the PROXY protocol.

    Raises:
        ConfigurationError: *proxies* is empty or has an invalid entry, *name* is invalid, or
            *server_keeps_peer* is not a bool.
    """
    header, proxy = RequestHeader(name), _Proxies(proxies)
    given: object = server_keeps_peer
    if not isinstance(given, bool):
        raise ConfigurationError("server_keeps_peer= must be True or False, not text")

    def resolve(source: Mapping[str, Any]) -> Identifier | None:
        if not header.values(source):
            return None
        if not proxy.is_trusted(peer_of(source, server_keeps_peer=server_keeps_peer)):
            return None
        value = header.only_value(source)
        return None if value is None else value.decode()

    return resolve


class _Proxies:
    """Addresses of trusted proxies."""

    __slots__ = ("_networks", "_unix")

    def __init__(self, proxies: Iterable[str]) -> None:
        listed = [proxies] if isinstance(proxies, str) else list(proxies)
        if not listed:
            raise ConfigurationError("proxies= is empty; list the addresses of the trusted proxies")
        self._unix = UNIX_SOCKET in listed
        self._networks = [_network(proxy) for proxy in listed if proxy != UNIX_SOCKET]

    def is_trusted(self, peer: str | None) -> bool:
        if peer is None:
            return self._unix
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


def _network(proxy: str) -> Network:
    try:
        return ipaddress.ip_network(proxy)
    except ValueError:
        raise ConfigurationError(
            "proxies= must hold addresses or networks such as 10.0.0.0/8, not host names"
        ) from None
