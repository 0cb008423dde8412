"""Resolvers for ``principal=``: functions that find the principal of a request.

Each function here returns a resolver. A resolver reads values that the server or an
outer middleware has established. None of them reads a query or a body. A header counts only
if it comes from a trusted proxy, or if it proves itself by a signature.
"""

from countermark.resolvers._actor import UNKNOWN_ACTOR
from countermark.resolvers._assertion import BadAssertion
from countermark.resolvers._aws_header import from_aws_header
from countermark.resolvers._entries import from_environ, from_session, from_state
from countermark.resolvers._peer import ReplacedPeer, UnprovenPeer
from countermark.resolvers._proxy_header import UNIX_SOCKET, from_proxy_header
from countermark.resolvers._request_header import UntrustedHeader
from countermark.resolvers._signed_header import from_signed_header
from countermark.resolvers._user import UserReader, from_user, principal_of_user

__all__ = [
    "UNIX_SOCKET",
    "UNKNOWN_ACTOR",
    "BadAssertion",
    "ReplacedPeer",
    "UnprovenPeer",
    "UntrustedHeader",
    "UserReader",
    "from_aws_header",
    "from_environ",
    "from_proxy_header",
    "from_session",
    "from_signed_header",
    "from_state",
    "from_user",
    "principal_of_user",
]
