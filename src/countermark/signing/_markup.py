"""Writes a request's tokens into a page, as JSON in a script element."""

from __future__ import annotations

import re

from countermark.errors import ConfigurationError
from countermark.schemes._formats import compact_json
from countermark.signing._request_identity import RequestIdentity

# Characters that could close the element or open a comment in it. JSON has them only in
# strings, where an escape means the same.
_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_ATTRIBUTE = r"[A-Za-z0-9+/=_.:-]+"


def identity_script(
    identity: RequestIdentity,
    scheme: str | None = None,
    *,
    id: str = "countermark",
    nonce: object = None,
) -> str:
    """Return ``<script type="application/json">`` with the tokens for the front end.

    The browser does not run it. Read it with
    ``JSON.parse(document.getElementById(id).textContent)``. The data are
    ``identity.payload()``, or with *scheme* the fields of that scheme, ``null`` if it has no
    token. No value can close the element.

    Args:
        identity: The identity of the request.
        scheme: The name of one scheme, or None for all.
        id: The element's id.
        nonce: The nonce of the Content-Security-Policy; None, or a template's empty value,
            if the page has none.

    Raises:
        ConfigurationError: *id* or *nonce* contains other characters than letters, digits
            and ``+/=_.:-``.
    """
    text = str(nonce) if nonce else None
    for name, value in {"id": id, "nonce": text}.items():
        if value is not None and not re.fullmatch(_ATTRIBUTE, value):
            raise ConfigurationError(
                f"{name}= must consist of letters, digits and +/=_.:-; remove all others"
            )
    if scheme is None:
        content: object = identity.payload()
    else:
        signed = identity.get(scheme)
        content = None if signed is None else signed.fields
    data = compact_json(content).translate(_UNSAFE)
    attributes = f' id="{id}"' + ("" if text is None else f' nonce="{text}"')
    return f'<script type="application/json"{attributes}>{data}</script>'
