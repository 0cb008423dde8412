"""The principal by a header that a trusted proxy sets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from countermark.errors import ConfigurationError, CountermarkError
from countermark.policy import Resolver
from countermark.principal import Identifier

#: In ``proxies``: a peer on a Unix socket, which has no address.
UNIX_SOCKET = "unix:"

_HEADER_NAME = re.compile("[A-Za-z0-9-]+")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class UntrustedHeader(CountermarkError):
    """A header with the user's name is not, or not surely, the proxy's alone."""

    code = "untrusted_header"


def from_proxy_header(name: str, *, proxies: Iterable[str]) -> Resolver:
    """Resolve by the header *name*, if the request comes straight from a trusted proxy.

    The proxy must drop or overwrite the header on every request, also where it is
    spelled with underscores: WSGI cannot tell the two apart. Behind a server that
    replaces the peer's address by the client's, as uvicorn does with
    ``--proxy-headers``, no request comes from the proxy any more, and so nobody
    is ever signed in: turn that off.

    Args:
        name: The header, for instance ``X-Forwarded-User``.
        proxies: Addresses or networks, for instance ``10.0.0.0/8``; and
            ``unix:`` for peers on a Unix socket.

    Raises:
        ConfigurationError: *proxies* is empty or holds something else, or *name*
            does not consist of letters, digits and hyphens.
    """
    if not _HEADER_NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no header name of letters, digits and hyphens")
    listed = [proxies] if isinstance(proxies, str) else list(proxies)
    networks = [_network(proxy) for proxy in listed if proxy != UNIX_SOCKET]
    if not listed:
        raise ConfigurationError("proxies= is empty; name the addresses of the trusted proxies")

    def trusted(peer: str | None) -> bool:
        if not peer:
            return UNIX_SOCKET in listed
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in networks)

    wanted, key = name.lower().encode(), "HTTP_" + name.upper().replace("-", "_")

    def resolve(source: Mapping[str, Any]) -> Identifier | None:
        if "REQUEST_METHOD" in source:
            value = source.get(key) if trusted(source.get("REMOTE_ADDR")) else None
            values = [value.encode("latin-1")] if value else []
        else:
            client = source.get("client")
            values = _values(source, wanted) if trusted(client[0] if client else None) else []
        # Servers fold repeated headers into one, with a comma.
        if len(values) > 1 or any(b"," in value for value in values):
            raise UntrustedHeader(f"{name} came more than once")
        return (values[0].decode() or None) if values else None

    return resolve


def _values(scope: Mapping[str, Any], wanted: bytes) -> list[bytes]:
    values = []
    for name, value in scope["headers"]:
        lowered = name.lower()
        if lowered == wanted:
            values.append(value)
        elif lowered.replace(b"_", b"-") == wanted:
            # A proxy that overwrites the one may let the other pass.
            raise UntrustedHeader("the header came under a name with underscores")
    return values


def _network(proxy: str) -> Network:
    try:
        return ipaddress.ip_network(proxy)
    except ValueError as error:
        raise ConfigurationError(f"proxies= holds no address or network: {error}") from None
