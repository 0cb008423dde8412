"""Resolvers for ``principal=``: functions that find the principal of a request.

Each function here returns a resolver. A resolver reads values that the server or an
outer middleware has established. None of them reads a query or a body. A header counts only
if it comes from a trusted proxy, or if a signature proves it.
"""

from countermark.resolvers._actor import UNKNOWN_ACTOR as UNKNOWN_ACTOR
from countermark.resolvers._assertion import BadAssertion as BadAssertion
from countermark.resolvers._aws_header import from_aws_header as from_aws_header
from countermark.resolvers._entries import from_environ as from_environ
from countermark.resolvers._entries import from_session as from_session
from countermark.resolvers._entries import from_state as from_state
from countermark.resolvers._peer import ReplacedPeer as ReplacedPeer
from countermark.resolvers._peer import UnprovenPeer as UnprovenPeer
from countermark.resolvers._proxy_header import UNIX_SOCKET as UNIX_SOCKET
from countermark.resolvers._proxy_header import from_proxy_header as from_proxy_header
from countermark.resolvers._request_header import UntrustedHeader as UntrustedHeader
from countermark.resolvers._signed_header import from_signed_header as from_signed_header
from countermark.resolvers._user import UserReader as UserReader
from countermark.resolvers._user import from_user as from_user
from countermark.resolvers._user import principal_of_user as principal_of_user
