"""The names of response headers that may carry a token."""

from __future__ import annotations

import re

from countermark._http import TOKEN
from countermark.errors import ConfigurationError

# The headers that browsers, caches or servers act on.
_RESERVED = (
    r"access-control-.*|x-accel-.*|.*cache-control|clear-site-data|connection|content-encoding"
    r"|content-length|content-security-policy|content-type|cookie|date|etag|expires|keep-alive"
    r"|last-modified|link|location|refresh|server|set-cookie|strict-transport-security"
    r"|surrogate-control|trailer|transfer-encoding|upgrade|vary|via|www-authenticate"
)

#: Describes the form of the names.
HEADER_FORM = "invalid header name; use letters, digits and hyphens, such as X-User-Token"


def header_name(
    name: object, where: str, error: type[ConfigurationError] = ConfigurationError
) -> str:
    """Return *name* if a response header of this name may carry a token.

    Args:
        name: The name.
        where: The beginning of the message.
        error: The class of the error.

    Raises:
        ConfigurationError: The name is invalid, or browsers, caches or servers use it.
    """
    if not isinstance(name, str) or not re.fullmatch(TOKEN, name):
        raise error(f"{where}: {HEADER_FORM}")
    if re.fullmatch(_RESERVED, name, re.IGNORECASE):
        raise error(
            f"{where}: browsers, caches or servers act on a header of this name; choose another"
        )
    return name
