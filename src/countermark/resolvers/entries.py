"""The principal by an entry of the session, the state or the environ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from countermark.errors import ConfigurationError
from countermark.policy import Resolver
from countermark.principal import Identifier

# What WSGI servers copy from the request into the environ: PEP 3333, RFC 3875, and
# the additions of common servers.
_SENT_BY_CLIENTS = re.compile(
    "(HTTP|CONTENT|PATH|QUERY|REQUEST|RAW|SCRIPT|SERVER|AUTH|GATEWAY)_|REMOTE_(ADDR|HOST|PORT)$",
    re.IGNORECASE,
)


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


def _utf8(value: str) -> str:
    # PEP 3333: the bytes of a native string are its Latin-1 code points.
    return value.encode("latin-1").decode()
