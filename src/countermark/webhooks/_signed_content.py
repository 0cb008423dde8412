"""The part of a message that comes from the body: all of it, its parameters, or its hash."""

from __future__ import annotations

import hashlib
import re
from hmac import compare_digest
from typing import Final, NamedTuple, Protocol

from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused
from countermark.webhooks._signed_url import hash_in_query

_JSON: Final = re.compile(rb"([\[{].*[\]}])?", re.DOTALL)
# Visible ASCII without "%", "&" and "=", or a percent code.
_TEXT: Final = rb"((?:[!-$'-<>-~]|%[0-9A-Fa-f]{2})*+)"
_PAIR: Final = re.compile(_TEXT + b"=" + _TEXT)
# As many as frameworks accept. Anyone can have them decoded, before the signature is checked.
_MOST_PARAMETERS: Final = 1000


class SignedContent(Protocol):
    """The signed part of the body."""

    def signed(self, body: bytes) -> bytes:
        """Return the bytes that the message contains; raises Refused."""

    def check(self, body: bytes) -> None:
        """Check the body of a delivery whose signature is valid; raises Refused."""


class WholeBody(NamedTuple):
    """The body itself. If *is_json* is true, it must be a JSON object or array, or empty."""

    is_json: bool

    def signed(self, body: bytes) -> bytes:
        """Return the body."""
        return body

    def check(self, body: bytes) -> None:
        """Refuse a body that a URL next to it could have begun or ended."""
        if self.is_json and not _JSON.fullmatch(body):
            raise Refused("malformed")


class SortedParameters:
    """The names and values of a form, sorted and joined, each pair once."""

    __slots__ = ()

    def signed(self, body: bytes) -> bytes:
        """Return the joined names and values; raises Refused."""
        if body.count(b"&") >= _MOST_PARAMETERS:
            raise Refused("malformed")
        pairs = {_pair(piece) for piece in body.split(b"&")} if body else set()
        return "".join(name + value for name, value in sorted(pairs)).encode()

    def check(self, body: bytes) -> None:
        """Do nothing: the parameters are in the message."""


class HashedBody(NamedTuple):
    """A body whose hash is in the signed URL."""

    digest: bytes

    def signed(self, body: bytes) -> bytes:
        """Return nothing, as the message contains the URL alone."""
        return b""

    def check(self, body: bytes) -> None:
        """Compare the hash."""
        if not compare_digest(hashlib.sha256(body).digest(), self.digest):
            raise Refused("digest_mismatch")


def signed_content(signature: SignatureHeader, head: RequestHead) -> SignedContent:
    """Return the part of the body that a delivery signs; raises Refused."""
    if "{parameters}" not in map(str, signature.message):
        return WholeBody(signature.is_json)
    # The URL decides, which is signed, and not the content type, which is not.
    digest = hash_in_query(signature.url, head.path)
    return SortedParameters() if digest is None else HashedBody(digest)


def _pair(piece: bytes) -> tuple[str, str]:
    """Return the name and the value of a parameter.

    Raises:
        Refused: It has no or two equals signs, or is not encoded as forms are.
    """
    found = _PAIR.fullmatch(piece)
    if found is None:
        raise Refused("malformed")
    from urllib.parse import unquote_to_bytes  # late, as it is slow to import

    try:
        name, value = (
            unquote_to_bytes(text.replace(b"+", b" ")).decode() for text in found.groups()
        )
    except UnicodeDecodeError:
        raise Refused("malformed") from None
    return name, value
