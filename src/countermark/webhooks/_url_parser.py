"""Parses the table of a webhook scheme that describes the signed URL."""

from __future__ import annotations

from countermark.errors import InvalidScheme
from countermark.schemes._tables import Table
from countermark.webhooks._parts import SignatureHeader, Url

#: The characters that may be decoded. No delimiter of JSON, as the message could then have two
#: readings; and none of parameters, as two queries could then have one signature.
DECODED = r"[:/?@!$'()*,;~._-]*"
PARAMETER = "[A-Za-z0-9-]*"
#: The kinds of signatures that can be of a URL.
KINDS_WITH_URL = ("hmac", "public-key")


def read_url(top: Table, kind: str) -> Url:
    """Return the form of the URL, which the table ``[url]`` describes."""
    if not top.has("url"):
        return Url()
    table = top.table("url")
    if kind not in KINDS_WITH_URL:
        top.fault("[url] is for a message with {url}; leave it out", "url")
    url = Url(
        decoded=table.matching(
            "decoded",
            DECODED,
            "write characters of URLs other than letters, digits and those between parameters",
        )
        or "",
        is_any_port=table.take("any_port", bool, default=False),
        body_hash=table.matching("body_hash", PARAMETER, "write letters, digits and hyphens") or "",
    )
    table.close()
    return url


def check_url(signature: SignatureHeader, where: str) -> None:
    """Check that the rules for the URL belong to a signed one.

    Raises:
        InvalidScheme: The message lacks the part that a rule is about.
    """
    url, names = signature.url, {str(part) for part in signature.message}
    if url != Url() and "{url}" not in names:
        raise InvalidScheme(f"{where}: [url] is for a message with {{url}}; leave it out")
    if url.body_hash and "{parameters}" not in names:
        raise InvalidScheme(
            f"{where}: [url]: body_hash is for a message with {{parameters}}; leave it out"
        )
    if signature.is_json and not {"{url}", "{body}"} <= names:
        raise InvalidScheme(
            f"{where}: [signature]: json_body is for a message with {{url}} and {{body}}; leave it"
            " out"
        )
