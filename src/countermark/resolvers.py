"""Ready-made answers to "whose request is this?" for the middlewares.

Each function returns a resolver for ``principal=``. All read what the server
or an outer middleware has established; none reads a query, a body or a header
that a client can set.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from countermark.errors import ConfigurationError, CountermarkError
from countermark.policy import Resolver
from countermark.principal import Identifier, Principal

#: From a user object, or None, to whose request it is.
UserReader = Callable[[Any], "Principal | Identifier | None"]

#: In ``proxies``: a peer on a Unix socket, which has no address.
UNIX_SOCKET = "unix:"

# What WSGI servers copy from the request into the environ: PEP 3333, RFC 3875, and
# the additions of common servers.
_SENT_BY_CLIENTS = re.compile(
    "(HTTP|CONTENT|PATH|QUERY|REQUEST|RAW|SCRIPT|SERVER|AUTH|GATEWAY)_|REMOTE_(ADDR|HOST|PORT)$",
    re.IGNORECASE,
)
_HEADER_NAME = re.compile("[A-Za-z0-9-]+")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class UntrustedHeader(CountermarkError):
    """A header with the user's name is not, or not surely, the proxy's alone."""

    code = "untrusted_header"


def from_user(attribute: str = "id", *, key: str = "user", **fields: str) -> Resolver:
    """Resolve by the user object that Starlette's or another authentication puts into the scope.

    Args:
        attribute: The attribute of the user that holds the id.
        key: Where the user is, in the scope or environ.
        fields: What else of the user vendors sign: an argument of ``Principal``
            and the attribute that holds it, such as ``email="email"``.

    A user whose ``is_authenticated`` is false is nobody.

    Raises:
        ConfigurationError: One of *fields* is no argument of ``Principal``.
    """
    read = principal_of_user(attribute, **fields)

    def resolve(source: Mapping[str, Any]) -> Principal | Identifier | None:
        return read(source.get(key))

    return resolve


def principal_of_user(attribute: str = "id", **fields: str) -> UserReader:
    """Return the function from a user object, or None, to their principal.

    Raises:
        ConfigurationError: As for :func:`from_user`.
    """
    for name in fields:
        if name not in Principal.__slots__ or name == "id":
            raise ConfigurationError(f"{name}= is no argument of a Principal")

    def read(user: Any) -> Principal | Identifier | None:
        if user is None or not getattr(user, "is_authenticated", True):
            return None
        identifier: Identifier | None = getattr(user, attribute)
        if identifier is None or not fields:
            return identifier
        # Frameworks leave an address that is not known blank.
        found = {name: getattr(user, of) or None for name, of in fields.items()}
        return Principal(identifier, **found)

    return read


def from_session(key: str, *, session: str = "session") -> Resolver:
    """Resolve by the entry *key* of a session.

    Args:
        key: The entry that holds the id.
        session: Where the session is: ``session`` in the scope of Starlette's
            ``SessionMiddleware``, ``beaker.session`` in the environ of Beaker's.

    Raises:
        ConfigurationError: *session* holds what clients write.
    """
    if session in {"path_params", "headers"}:
        raise ConfigurationError(f"{session} is part of the request, which clients write")

    def resolve(source: Mapping[str, Any]) -> Identifier | None:
        entries = source.get(session)
        return None if entries is None else entries.get(key)

    return resolve


def from_state(key: str) -> Resolver:
    """Resolve by what an outer ASGI middleware has put into ``scope["state"]`` as *key*."""
    return from_session(key, session="state")


def from_environ(key: str = "REMOTE_USER") -> Resolver:
    """Resolve by the environ variable *key*, by default the one that WSGI servers set.

    Its text is taken for UTF-8. An empty one is nobody.

    Raises:
        ConfigurationError: *key* is a part of the request, which clients write.
    """
    if _SENT_BY_CLIENTS.match(key):
        raise ConfigurationError(
            f"{key} is part of the request, which clients write;"
            " use from_proxy_header() to trust a header"
        )

    def resolve(environ: Mapping[str, Any]) -> Identifier | None:
        value = environ.get(key)
        return (_utf8(value) or None) if isinstance(value, str) else value

    return resolve


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


def _utf8(value: str) -> str:
    # PEP 3333: the bytes of a native string are its Latin-1 code points.
    return value.encode("latin-1").decode()
