"""Resolvers for ``principal=``: functions that find the principal of a request.

Each function here returns a resolver. A resolver reads values that the server or an
outer middleware has established. None of them reads a query, a body, or a header that
a client can set.
"""

from countermark.resolvers.actor import UNKNOWN_ACTOR
from countermark.resolvers.entries import from_environ, from_session, from_state
from countermark.resolvers.proxy_header import UNIX_SOCKET, UntrustedHeader, from_proxy_header
from countermark.resolvers.user import UserReader, from_user, principal_of_user

__all__ = [
    "UNIX_SOCKET",
    "UNKNOWN_ACTOR",
    "UntrustedHeader",
    "UserReader",
    "from_environ",
    "from_proxy_header",
    "from_session",
    "from_state",
    "from_user",
    "principal_of_user",
]
