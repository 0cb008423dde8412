"""Which response headers may carry a token."""

from __future__ import annotations

import re

from countermark._http import TOKEN
from countermark.errors import InvalidScheme

# Headers that mean something to browsers, caches or servers.
_RESERVED = (
    r"access-control-.*|x-accel-.*|.*cache-control|clear-site-data|connection|content-encoding"
    r"|content-length|content-security-policy|content-type|cookie|date|etag|expires|keep-alive"
    r"|last-modified|link|location|refresh|server|set-cookie|strict-transport-security"
    r"|surrogate-control|trailer|transfer-encoding|upgrade|vary|via|www-authenticate"
)


def header_name(name: object, where: str) -> str:
    """Return *name* if a token may travel in a response header of that name.

    Raises:
        InvalidScheme: It is no header name, or one with a meaning of its own;
            the message begins with *where*.
    """
    if not isinstance(name, str) or not re.fullmatch(TOKEN, name):
        raise InvalidScheme(
            f"{where}: invalid header name; use letters, digits and hyphens, such as X-User-Token"
        )
    if re.fullmatch(_RESERVED, name, re.IGNORECASE):
        raise InvalidScheme(
            f"{where}: browsers, caches or servers act on a header of this name; choose another"
        )
    return name
