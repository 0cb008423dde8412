"""A delivery to be signed, and the checks of what it is made of."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from countermark.errors import ConfigurationError
from countermark.webhooks._header_checks import next_to_id
from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._scheme import WebhookScheme


class Outgoing(NamedTuple):
    """A delivery to be signed.

    Attributes:
        body: The body.
        delivery_id: The id, if the scheme has a header for it.
        now: The time of this attempt, in seconds since the epoch.
        method: The method.
        path: The path with the query, percent-encoded.
    """

    body: bytes
    delivery_id: str
    now: float
    method: str
    path: str


def outgoing(
    schemes: Sequence[WebhookScheme],
    body: object,
    delivery_id: object,
    *,
    now: float,
    method: object,
    path: object,
) -> Outgoing:
    """Return the delivery that *schemes* sign.

    Raises:
        ConfigurationError: A value has the wrong type, or the schemes have no place for it.
    """
    if not isinstance(method, str) or not isinstance(path, str):
        raise ConfigurationError("method= and path= must be text")
    return Outgoing(_bytes_of(body), _id_of(schemes, delivery_id), now, method, path)


def _bytes_of(body: object) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if not isinstance(body, str):
        raise ConfigurationError(
            "body= must be the bytes that are sent; write an object once, with"
            " json.dumps(event).encode(), and sign and send the result"
        )
    try:
        return body.encode()
    except UnicodeEncodeError:
        pass  # its message quotes the body
    raise ConfigurationError("body= is not valid Unicode text; give the bytes that are sent")


def _id_of(schemes: Sequence[WebhookScheme], given: object) -> str:
    """Return the id for the headers of the id, or "" if no scheme has one."""
    places = [scheme.id for scheme in schemes if scheme.id]
    if any(place.header for place in places):
        return _checked_id(schemes, f"msg_{os.urandom(16).hex()}" if given is None else given)
    if given is None:
        return ""
    more = f", and write the id into {places[0].body} of the body" if places else ""
    raise ConfigurationError(
        f"{schemes[0].slug} has no header for the id of a delivery; leave delivery_id= out{more}"
    )


def _checked_id(schemes: Sequence[WebhookScheme], given: object) -> str:
    """Return an id that receivers accept."""
    refused = {","}  # two headers that a server joins have a comma
    for scheme in schemes:
        if isinstance(scheme.signature, SignatureHeader):
            refused |= next_to_id(scheme.signature)
    if isinstance(given, str) and re.fullmatch("[!-~]{1,512}", given) and refused.isdisjoint(given):
        return given
    raise ConfigurationError(
        "delivery_id= must be text of 1 to 512 visible ASCII characters without"
        f" {' '.join(sorted(refused))}"
    )
