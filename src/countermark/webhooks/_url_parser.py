"""Parses the table of a webhook scheme that describes the signed URL."""

from __future__ import annotations

import re

from countermark.errors import InvalidScheme
from countermark.schemes._tables import Table
from countermark.webhooks._parts import Signature, Url

# No delimiter of JSON, as the message could then have two readings; and none of parameters, as
# two queries could then have one signature.
_DECODED = r"[:/?@!$'()*,;~._-]*"
_PARAMETER = "[A-Za-z0-9-]*"


def read_url(top: Table) -> Url:
    """Return the form of the URL, which the table ``[url]`` describes.

    Raises:
        InvalidScheme: A key is unknown or of the wrong type, or has an invalid value.
    """
    if "url" not in top.left:
        return Url()
    table = top.table("url")
    url = Url(
        decoded=table.take("decoded", str, ""),
        is_any_port=table.take("any_port", bool, default=False),
        body_hash=table.take("body_hash", str, ""),
    )
    table.close()
    if not re.fullmatch(_DECODED, url.decoded) or not re.fullmatch(_PARAMETER, url.body_hash):
        raise InvalidScheme(
            f"{table.where}: decoded must hold characters of URLs other than letters, digits and"
            " those between parameters, and body_hash letters, digits and hyphens"
        )
    return url


def check_url(signature: Signature, url: Url, where: str) -> None:
    """Check that the rules for the URL belong to a signed one.

    Raises:
        InvalidScheme: The message lacks the part that a rule is about.
    """
    names = {str(part) for part in getattr(signature, "message", ())}
    if url != Url() and "{url}" not in names:
        raise InvalidScheme(f"{where}: [url] is for a message with {{url}}; leave it out")
    if url.body_hash and "{parameters}" not in names:
        raise InvalidScheme(
            f"{where}: [url] body_hash is for a message with {{parameters}}; leave it out"
        )
    if getattr(signature, "is_json", False) and not {"{url}", "{body}"} <= names:
        raise InvalidScheme(
            f"{where}: json_body is for a message with {{url}} and {{body}}; leave it out"
        )
