"""Explains a signature that a public key should verify."""

from __future__ import annotations

from collections.abc import Iterator

from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import mistake
from countermark.mistakes._explanation import UNEXPLAINED, Explanation
from countermark.mistakes._search import BUDGET, MOST, Code, Found, Message, explanation
from countermark.webhooks._header_mistakes import codes_in
from countermark.webhooks._message_mistakes import messages
from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._public_key_proof import Verify, verify_function
from countermark.webhooks._public_keys import load_public_key
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._scheme import WebhookScheme

# The size that a message about a signature names, if its length is not always the same.
_SIZES = {"ed25519": 64, "ecdsa-p256-sha256": 71, "rsa-sha256": 256, "rsa-sha256-twice": 256}

# One verification takes as long as hashing so many bytes.
_COST = 100_000


def explain_public_key(
    scheme: WebhookScheme,
    signature: SignatureHeader,
    ring: Keyring,
    head: RequestHead,
    body: bytes,
    *,
    base_url: str,
) -> Explanation:
    """Return the mistakes that explain a signature that does not match; raises Refused."""
    value = head.require(signature.header, max_commas=None)
    verifies = [
        verify_function(load_public_key(scheme, signature.algorithm, key), signature.algorithm)
        for _, key in ring.by_role()
    ]
    found = _search(
        list(_codes(signature, value)),
        list(messages(scheme, signature, head, body, base_url)),
        verifies,
    )
    return explanation([found]) if found is not None and found.mistakes else UNEXPLAINED


def _codes(signature: SignatureHeader, value: str) -> Iterator[Code]:
    for code in codes_in(signature, value, _SIZES[signature.algorithm]):
        if not code.whole:
            continue
        if signature.algorithm == "ecdsa-p256-sha256" and len(code.data) == 64:
            steps = (*code.mistakes, mistake("signature_not_der"))
            yield Code(_as_der(code.data), steps)
        else:
            yield code


def _search(codes: list[Code], messages: list[Message], verifies: list[Verify]) -> Found | None:
    """Return the simplest combination that one of the keys verifies."""
    pairs = [
        (code, message, (*message.mistakes, *code.mistakes))
        for code in codes
        for message in messages
    ]
    work = 0
    for code, message, steps in sorted(pairs, key=lambda pair: len(pair[2])):
        for verify in verifies:
            work += len(message.data) + _COST
            if len(steps) > MOST or work > BUDGET:
                return None
            if verify(code.data, message.data):
                return Found(steps, message.data)
    return None


def _as_der(data: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    return encode_dss_signature(int.from_bytes(data[:32]), int.from_bytes(data[32:]))
