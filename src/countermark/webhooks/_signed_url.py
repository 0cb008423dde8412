"""The public URL of a delivery, as the vendor called and signed it.

Behind a proxy an application does not see that URL, and anyone can set the headers that
claim to hold it, such as ``Host`` and ``X-Forwarded-Host``. So its base is configured, and
only the path and the query are those of the request.
"""

from __future__ import annotations

import re
from typing import Final

from countermark.errors import ConfigurationError
from countermark.webhooks import _encodings as encodings
from countermark.webhooks._parts import SignatureHeader, Url
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme

_BASE: Final = r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9\-._~:@!$&'()*+,;=%]+)*"
# The characters of RFC 3986 but "#", "[" and "]", which no request target contains.
_TARGET: Final = r"/[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]*"
_METHOD: Final = "[A-Z]{1,32}"
_PORTS: Final = {"https": 443, "http": 80}


def checked_base_url(scheme: WebhookScheme, given: object) -> str:
    """Return the base of the public URL without a slash at its end; "": no URL is signed.

    Raises:
        ConfigurationError: The base is missing, malformed or surplus.
    """
    if not signs_url(scheme):
        if given is None:
            return ""
        raise ConfigurationError(f"{scheme.slug} does not sign a URL; leave base_url= out")
    if given is None:
        raise ConfigurationError(
            f"{scheme.slug} signs the URL: give base_url= (--base-url in a command), the public URL"
            " before the path that the application receives, such as 'https://hooks.example.com'"
        )
    base = given.rstrip("/") if isinstance(given, str) else ""
    if not re.fullmatch(_BASE, base):
        raise ConfigurationError(
            "base_url= must be a URL such as 'https://hooks.example.com', without a query"
        )
    return base


def signs_url(scheme: WebhookScheme) -> bool:
    """Return whether the URL is a part of the signed message."""
    signature = scheme.signature
    return isinstance(signature, SignatureHeader) and "{url}" in map(str, signature.message)


def signed_urls(rule: Url, base: str, target: str) -> tuple[str, ...]:
    """Return the URLs that the vendor may have signed.

    Args:
        rule: The vendor's form of URLs.
        base: The public URL before the path.
        target: The path and the query, as they came.

    Raises:
        Refused: The target has a character that no URL contains, or its path a decoded "?",
            which would begin the query.
    """
    if not re.fullmatch(_TARGET, target):
        raise Refused("malformed")
    if rule.decoded:
        codes = "|".join(f"%{ord(character):02X}" for character in rule.decoded)
        path, *rest = (
            re.sub(codes, lambda found: chr(int(found[0][1:], 16)), part)
            for part in target.split("?", 1)
        )
        if "?" in path:
            raise Refused("malformed")
        target = "?".join([path, *rest])
    bases = [base, *_other_ports(base)] if rule.is_any_port else [base]
    return tuple(one + target for one in bases)


def _other_ports(base: str) -> list[str]:
    """Return *base* without its port, or with the default one."""
    scheme, _, rest = base.partition("://")
    host, slash, path = rest.partition("/")
    name, colon, _ = host.partition(":")
    other = name if colon else f"{name}:{_PORTS[scheme]}"
    return [f"{scheme}://{other}{slash}{path}"]


def signed_method(head: RequestHead) -> str:
    """Return the method; raises Refused."""
    if not re.fullmatch(_METHOD, head.method):
        raise Refused("malformed")
    return head.method


def hash_in_query(rule: Url, target: str) -> bytes | None:
    """Return the SHA-256 of the body that is in the query, or None.

    Raises:
        Refused: The hash is malformed or there twice.
    """
    if not rule.body_hash:
        return None
    pairs = [pair.partition("=") for pair in target.partition("?")[2].split("&")]
    found = [value for name, _, value in pairs if name == rule.body_hash]
    if len(found) > 1:
        raise Refused("ambiguous")
    return encodings.decode_bytes(found[0], "hex", 32) if found else None
