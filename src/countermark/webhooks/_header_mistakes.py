"""Explains a signature in a header of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import mistake
from countermark.mistakes._codes import codes
from countermark.mistakes._explanation import UNEXPLAINED, Explanation, Mistakes
from countermark.mistakes._keys import candidate_keys
from countermark.mistakes._search import MOST, Code, explanation, search
from countermark.mistakes._ways import HASHES, ways
from countermark.mistakes._wrappings import unwrapped
from countermark.webhooks._body_mistakes import mistake_in_hashed
from countermark.webhooks._message_mistakes import messages
from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._signed_url import hash_in_query


def explain_header(
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
    keys = candidate_keys(
        ring,
        {},
        form=scheme.secret.form,
        prefix=scheme.secret.prefix,
        variable=scheme.secret.variable,
    )
    wanted = [*codes_in(signature, value, HASHES[signature.algorithm][1])]
    all_messages = [*messages(scheme, signature, head, body, base_url)]
    found = search(wanted, keys, all_messages, ways(signature.algorithm, "hmac"))
    in_body = _in_hash(signature, head, body)
    if found and (found[0].mistakes or in_body):
        return explanation(found, in_body)
    return UNEXPLAINED


def codes_in(signature: SignatureHeader, value: str, size: int) -> Iterator[Code]:
    """Yield the readings of a header as a signature of *size* bytes, with their mistakes."""
    for outer in unwrapped(value):
        for text, steps in _entries(signature, outer.text):
            around = (*outer.mistakes, *steps)
            for code in codes(text, signature.encoding, size):
                if len(around) + len(code.mistakes) <= MOST:
                    yield code._replace(mistakes=(*around, *code.mistakes))


def _entries(signature: SignatureHeader, value: str) -> Iterator[tuple[str, Mistakes]]:
    entries = value.split(signature.separator) if signature.separator else [value]
    for entry in entries:
        if entry.startswith(signature.prefix):
            yield entry.removeprefix(signature.prefix), ()
            continue
        yield entry, (mistake("header_prefix", wanted=signature.prefix),)
        other = re.match(r"[A-Za-z0-9]{1,8}[=,]", entry)
        if other is not None:
            step = mistake("framed_code", wanted=f"{signature.prefix}{{mac}}")
            yield entry[other.end() :], (step,)


def _in_hash(signature: SignatureHeader, head: RequestHead, body: bytes) -> Mistakes:
    """Return the mistake in a body whose hash is in the URL, if any."""
    digest = hash_in_query(signature.url, head.path)
    return () if digest is None else mistake_in_hashed(body, digest)
