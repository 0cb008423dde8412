"""The Redis of a store: its kind, its addresses, and the options of connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

import redis
from redis.connection import parse_url

#: A host and a port; None for a Unix socket, or a class of connections that knows its server.
Address: TypeAlias = "tuple[str, int] | None"

#: Takes the host and port that a node of a Cluster announces, and returns those to connect to.
Remap: TypeAlias = "Callable[[tuple[str, int]], tuple[str, int]]"

Kind: TypeAlias = Literal["single", "sentinel", "cluster"]

# The schemes of URLs, and those of redis-py for one server.
_SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "redis+unix": "unix",
    "unix": "unix",
    "valkey": "redis",
    "valkeys": "rediss",
    "valkey+unix": "unix",
}
_PORTS = {"single": 6379, "sentinel": 26379, "cluster": 6379}

# The options of redis-py that the store decides itself.
_DECIDED = frozenset(
    {"decode_responses", "health_check_interval", "protocol", "retry", "retry_on_error",
     "retry_on_timeout", "socket_connect_timeout", "socket_timeout"}
)  # fmt: skip

# Otherwise redis-py sends the name of the library at each connect, which needs a permission
# that Redis 7.0 cannot grant.
_QUIET: dict[str, Any] = (
    {"driver_info": None}
    if hasattr(redis, "DriverInfo")
    else {"lib_name": None, "lib_version": None}
)


class Target:
    """The Redis of a store. It has no repr, as its options contain passwords.

    Args:
        kind: One server, one that is found by Sentinels, or a Cluster.
        nodes: The addresses of the server, of the Sentinels, or of some nodes of the Cluster.
        connection_class: The class of the synchronous connections to servers.
        options: The options of these connections, apart from addresses and timeouts.
        service: The name of the primary, for Sentinels.
        sentinel_options: The options of the clients of Sentinels.
        remap: The ``address_remap`` of a client of a Cluster; None: the nodes announce
            addresses that can be reached.
    """

    __slots__ = (
        "connection_class",
        "kind",
        "nodes",
        "options",
        "remap",
        "sentinel_options",
        "service",
    )

    def __init__(
        self,
        kind: Kind,
        nodes: list[Address],
        connection_class: Any,
        options: dict[str, Any],
        *,
        service: str = "",
        sentinel_options: dict[str, Any] | None = None,
        remap: Remap | None = None,
    ) -> None:
        self.kind, self.nodes, self.service = kind, nodes, service
        self.connection_class = connection_class
        self.options = {**_undecided(options), **_QUIET}
        self.sentinel_options = {**_undecided(sentinel_options or {}), **_QUIET}
        self.remap = remap

    def address(self, host: str, port: int) -> Address:
        """Return the address at which a node of a Cluster is reached."""
        return (host, port) if self.remap is None else self.remap((host, port))


def _undecided(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in _DECIDED}


def target_of_url(url: str) -> Target:
    """Return the target of a URL.

    Raises:
        Exception: The URL is invalid. The message may show it.
    """
    parts = urlsplit(url.strip())
    scheme, _, kind = parts.scheme.partition("+")
    if kind == "sentinel":
        return _sentinel(parts, scheme)
    if kind == "cluster":
        options = _options(parts, scheme)
        if int(options.pop("db", 0)):
            raise ValueError("a Cluster has no databases")
        return Target("cluster", _nodes(parts, "cluster"), _class(options), options)
    # Not geturl(), which writes unix:///path with one slash.
    options = _parsed(f"{_SCHEMES[parts.scheme]}:{url.strip().partition(':')[2]}")
    connection_class = _class(options)
    address = None
    if "path" not in options:
        address = options.pop("host", "localhost"), options.pop("port", 6379)
    return Target("single", [address], connection_class, options)


def _sentinel(parts: SplitResult, scheme: str) -> Target:
    """Return the target of a URL such as ``redis+sentinel://host:26379,host:26379/service/0``."""
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("the name of the primary is missing")
    options = _options(parts._replace(path=f"/{database}"), scheme)
    own = {"username", "password"}
    sentinel_options = {
        name: value
        for name, value in options.items()
        if name.startswith("ssl_") or name == "connection_class"
    }
    for name in own:
        if f"sentinel_{name}" in options:
            sentinel_options[name] = options.pop(f"sentinel_{name}")
    if sentinel_options.pop("connection_class", None) is redis.SSLConnection:
        sentinel_options["ssl"] = True
    nodes = _nodes(parts, "sentinel")
    return Target(
        "sentinel",
        nodes,
        _class(options),
        options,
        service=service,
        sentinel_options=sentinel_options,
    )


def _options(parts: SplitResult, scheme: str) -> dict[str, Any]:
    """Return the options of a URL with several hosts."""
    user, at, _ = parts.netloc.rpartition("@")
    one = parts._replace(scheme=_SCHEMES[scheme], netloc=f"{user}{at}several")
    options = _parsed(one.geturl())
    del options["host"]
    return options


def _parsed(url: str) -> dict[str, Any]:
    found: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    return found


def _class(options: dict[str, Any]) -> Any:
    return options.pop("connection_class", redis.Connection)


def _nodes(parts: SplitResult, kind: Kind) -> list[Address]:
    nodes: list[Address] = []
    for text in parts.netloc.rpartition("@")[2].split(","):
        node = urlsplit(f"//{text}")
        if not node.hostname:
            raise ValueError("a host is missing")
        nodes.append((node.hostname, node.port or _PORTS[kind]))
    return nodes
