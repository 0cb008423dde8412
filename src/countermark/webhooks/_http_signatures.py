"""The check of HTTP signatures (draft-cavage-http-signatures-12) with shared secrets.

Only the scheme specifies what must be signed, and by which algorithm. The header chooses
one of the configured keys, and nothing more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from hmac import compare_digest
from typing import Final, NamedTuple

from countermark._http import REQUEST_HEADER
from countermark.keys._keyring import Keyring
from countermark.webhooks import _encodings as encodings
from countermark.webhooks._candidate_keys import CandidateKey, find_key, hmac_candidates
from countermark.webhooks._delivery_body import Body
from countermark.webhooks._parts import HttpSignature
from countermark.webhooks._pending import PendingDelivery
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme

# Possessive quantifiers keep the time linear in the length of the header.
_SCHEME = r"signature[ ]++"
_PARAMETER = r'([a-z]++)[ \t]*+=[ \t]*+"([^"\\]*+)"'
_COMMA = r"[ \t]*+,[ \t]*+"
# Without ASCII, the Kelvin sign would match a k.
_ANY_CASE = re.IGNORECASE | re.ASCII
_PARAMETERS: Final = frozenset({"keyid", "algorithm", "headers", "signature"})


class Parameters(NamedTuple):
    """The parameters of a signature header.

    Attributes:
        key_id: The key that the vendor names.
        algorithm: The algorithm that the vendor names, or None.
        covered: The signed headers, in order.
        signature: The signature.
    """

    key_id: str
    algorithm: str | None
    covered: tuple[str, ...]
    signature: str


def read_parameters(value: str) -> Parameters:
    """Parse the value of an ``Authorization`` header.

    Raises:
        Refused: The value is malformed, or has a parameter twice.
    """
    start = re.match(_SCHEME, value, _ANY_CASE)
    if start is None:
        raise Refused("malformed")
    found: dict[str, str] = {}
    place = start.end()
    while True:
        # In two headers that a server has joined, the scheme appears a second time.
        if re.compile(_SCHEME + r"(?![ \t=])", _ANY_CASE).match(value, place):
            raise Refused("ambiguous")
        parameter = re.compile(_PARAMETER, _ANY_CASE).match(value, place)
        if parameter is None:
            raise Refused("malformed")
        name, content = parameter[1].lower(), parameter[2]
        if name in found:
            raise Refused("ambiguous")
        found[name] = content
        place = parameter.end()
        if place == len(value):
            break
        comma = re.compile(_COMMA).match(value, place)
        if comma is None:
            raise Refused("malformed")
        place = comma.end()
    if not {"keyid", "headers", "signature"} <= {*found} <= _PARAMETERS:
        raise Refused("malformed")
    covered = tuple(found["headers"].lower().split(" "))
    return Parameters(found["keyid"], found.get("algorithm"), covered, found["signature"])


class HttpSignatureCheck:
    """The check of an HTTP signature, with keyrings by the ids under which the vendor names them.

    Raises:
        InvalidKey: A secret is not encoded as the vendor's are.
    """

    __slots__ = ("_algorithm", "_candidates", "_scheme", "_signature")

    def __init__(
        self, scheme: WebhookScheme, signature: HttpSignature, rings: Mapping[str, Keyring]
    ) -> None:
        self._scheme, self._signature = scheme, signature
        self._algorithm = signature.algorithm.removeprefix("hmac-")
        self._candidates = {
            key_id: hmac_candidates(ring, scheme.secret, self._algorithm)
            for key_id, ring in rings.items()
        }

    def read(self, head: RequestHead, now: float) -> PendingDelivery:
        """Verify the signature of the headers."""
        parameters = read_parameters(head.require("authorization", max_commas=None))
        timestamp = encodings.parse_http_date(head.require("date", max_commas=1))
        digest = _digest(head.require("digest"))
        if parameters.algorithm not in (None, self._signature.algorithm):
            raise Refused("malformed")
        covered = {*parameters.covered}
        if not covered.issuperset(self._signature.covers) or len(covered) < len(parameters.covered):
            raise Refused("malformed")
        size = encodings.MAC_SIZES[self._algorithm]
        code = encodings.decode_bytes(parameters.signature, "base64", size)
        message = [signed_text(parameters.covered, head)]
        candidates = self._candidates.get(parameters.key_id)
        if candidates is None:
            raise Refused("unknown_key")
        key = find_key(candidates, lambda key: key.makes(message, [code]), now)
        check = SignedDigest(key, digest)
        return PendingDelivery(self._scheme, head, now, check, timestamp=timestamp)


class SignedDigest(NamedTuple):
    """The key of a signature, and the signed digest that the body must match."""

    key: CandidateKey
    digest: bytes

    def find_key(self, body: Body, now: float) -> CandidateKey:  # a BodyCheck
        """Return the key if the body matches the digest."""
        if not compare_digest(hashlib.sha256(body.content).digest(), self.digest):
            raise Refused("digest_mismatch")
        return self.key


def _digest(value: str) -> bytes:
    algorithm, _, code = value.partition("=")
    if algorithm.lower() != "sha-256":
        raise Refused("malformed")
    return encodings.decode_bytes(code, "base64", 32)


def signed_text(covered: tuple[str, ...], head: RequestHead) -> bytes:
    """Return the text that is signed: a line for each part; raises Refused."""
    lines = []
    for name in covered:
        if name == "(request-target)":
            value = f"{head.method.lower()} {head.path}"
        elif re.fullmatch(REQUEST_HEADER, name):
            value = head.require(name, max_commas=None)
        else:
            raise Refused("malformed")
        # A value with a line break could pass for several values.
        if not value.isascii() or not value.isprintable():
            raise Refused("malformed")
        lines.append(f"{name}: {value}")
    return "\n".join(lines).encode()
