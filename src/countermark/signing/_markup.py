"""A request's tokens inside a page: JSON in a script element that nothing can break out of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from countermark.errors import ConfigurationError
from countermark.schemes._formats import compact_json

if TYPE_CHECKING:
    from countermark.signing._request_identity import RequestIdentity

# What could end the element or begin a comment in it. In JSON these stand in texts
# alone, where an escape means the same.
_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_ATTRIBUTE = r"[A-Za-z0-9+/=_.:-]+"


def identity_script(
    identity: RequestIdentity,
    scheme: str | None = None,
    *,
    id: str = "countermark",
    nonce: object = None,
) -> str:
    """Return ``<script type="application/json">`` with what the front end gets.

    It is data and never runs: ``JSON.parse(document.getElementById(id).textContent)``.
    Of one *scheme* it is that vendor's fields, ``null`` where there is no token;
    otherwise all of ``identity.payload()``.

    Args:
        identity: The request's.
        scheme: The name of one scheme, or None for all.
        id: The element's id.
        nonce: The nonce of the Content-Security-Policy; nothing, or what a template
            has for nothing, if the page has none.

    Raises:
        ConfigurationError: *id* or *nonce* is no attribute of the kind.
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
