"""HTTP signatures, after draft-cavage-http-signatures-12, for secrets that are shared.

What has to be signed, and how, the recipe alone says. The header chooses between
keys that are configured, and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from hmac import compare_digest
from typing import Final, NamedTuple

from countermark.keys._keyring import Keyring
from countermark.webhooks import _encodings as encodings
from countermark.webhooks._candidate_keys import find, hmac_candidates, hmac_of
from countermark.webhooks._parts import HttpSignature
from countermark.webhooks._proof import Check, Proof, Rest, read_delivery_id
from countermark.webhooks._request_head import Received
from countermark.webhooks._results import Refused
from countermark.webhooks._scheme import WebhookScheme

# Possessive, so that no header takes longer than it is long.
_SCHEME = r"signature[ ]++"
_PARAMETER = r'([a-z]++)[ \t]*+=[ \t]*+"([^"\\]*+)"'
_COMMA = r"[ \t]*+,[ \t]*+"
# Without the second, the Kelvin sign would pass for a k.
_ANY_CASE = re.IGNORECASE | re.ASCII
_PARAMETERS: Final = frozenset({"keyid", "algorithm", "headers", "signature"})
_HEADER = "[a-z0-9-]++"


class Parameters(NamedTuple):
    """The parameters of a signature.

    Attributes:
        key_id: Which key the sender has used, as it says.
        algorithm: With which algorithm, as it says; or None.
        covered: What is signed, in its order.
        signature: The signature.
    """

    key_id: str
    algorithm: str | None
    covered: tuple[str, ...]
    signature: str


def read_parameters(value: str) -> Parameters:
    """Return the parameters in the value of an ``Authorization`` header.

    Raises:
        Refused: It is not written as one with a signature is, or says something twice.
    """
    start = re.match(_SCHEME, value, _ANY_CASE)
    if start is None:
        raise Refused("malformed")
    found: dict[str, str] = {}
    place = start.end()
    while True:
        # Two headers that a server has joined begin with the scheme a second time.
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


def http_signature_check(
    scheme: WebhookScheme, signature: HttpSignature, rings: Mapping[str, Keyring]
) -> Check:
    """Return the check of an HTTP signature.

    Args:
        scheme: The recipe.
        signature: What it says of signatures.
        rings: The keys, by the ids under which the vendor names them.

    Raises:
        InvalidKey: A secret is not written as the vendor's are.
    """
    algorithm = signature.algorithm.removeprefix("hmac-")
    candidates = {
        key_id: hmac_candidates(ring, scheme.secret, algorithm) for key_id, ring in rings.items()
    }

    def check(received: Received, now: float) -> Rest:
        parameters = read_parameters(received.one("authorization", commas=None))
        timestamp = encodings.fixdate(received.one("date", commas=1))
        digest = _digest(received.one("digest"))
        if parameters.algorithm not in (None, signature.algorithm):
            raise Refused("malformed")
        covered = {*parameters.covered}
        if not covered.issuperset(signature.covers) or len(covered) < len(parameters.covered):
            raise Refused("malformed")
        code = encodings.code(parameters.signature, "base64", encodings.SIZES[algorithm])
        message = _message(parameters.covered, received)
        if parameters.key_id not in candidates:
            raise Refused("unknown_key")
        key = find(candidates[parameters.key_id], hmac_of([message]), [code], now)

        def rest(body: bytes) -> Proof:
            # What is signed is the header, and the body is what it must fit.
            if not compare_digest(hashlib.sha256(body).digest(), digest):
                raise Refused("digest_mismatch")
            return Proof(key, timestamp, read_delivery_id(scheme.id, received, body))

        return rest

    return check


def _digest(value: str) -> bytes:
    algorithm, _, code = value.partition("=")
    if algorithm.lower() != "sha-256":
        raise Refused("malformed")
    return encodings.code(code, "base64", 32)


def _message(covered: tuple[str, ...], received: Received) -> bytes:
    lines = []
    for name in covered:
        if name == "(request-target)":
            value = f"{received.method.lower()} {received.path}"
        elif re.fullmatch(_HEADER, name):
            value = received.one(name, commas=None)
        else:
            raise Refused("malformed")
        # With a line break in it, a value could pass for several.
        if not value.isascii() or not value.isprintable():
            raise Refused("malformed")
        lines.append(f"{name}: {value}")
    return "\n".join(lines).encode()
