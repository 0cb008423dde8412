"""Explains a signature in a header of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import mistake
from countermark.mistakes._codes import codes
from countermark.mistakes._explanation import UNEXPLAINED, Explanation, Mistakes
from countermark.mistakes._keys import candidate_keys
from countermark.mistakes._search import MOST, Code, Message, explanation, search
from countermark.mistakes._ways import HASHES, ways
from countermark.mistakes._wrappings import unwrapped
from countermark.webhooks._body_mistakes import bodies
from countermark.webhooks._parts import SignatureHeader
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._times import time_in_head

# Other texts that are signed, as other vendors do.
_OTHER_PARTS = (
    "{body}",
    "{timestamp}.{body}",
    "{id}.{body}",
    "{timestamp}.{id}.{body}",
    "{timestamp}{body}",
    "{id}{timestamp}{body}",
    "{body}.{timestamp}",
    "{body}{timestamp}",
    "{timestamp}:{body}",
    "{timestamp}|{body}",
    "{id}:{timestamp}:{body}",
    "v0:{timestamp}:{body}",
)


def explain_header(
    scheme: WebhookScheme,
    signature: SignatureHeader,
    ring: Keyring,
    head: RequestHead,
    body: bytes,
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
    signed = [*messages(scheme, signature, head, body)]
    found = search(wanted, keys, signed, ways(signature.algorithm, "hmac"))
    return explanation(found) if found and found[0].mistakes else UNEXPLAINED


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


def messages(
    scheme: WebhookScheme, signature: SignatureHeader, head: RequestHead, body: bytes
) -> Iterator[Message]:
    """Yield the texts that may have been signed, with their mistakes; raises Refused."""
    values = {"{id}": "", "{timestamp}": ""}
    steps: Mistakes = ()
    if scheme.id is not None and scheme.id.header:
        values["{id}"] = head.get(scheme.id.header) or ""
    if scheme.timestamp is not None and not scheme.timestamp.body:
        values["{timestamp}"] = text = time_in_head(scheme.timestamp, signature, head)
        if scheme.timestamp.form == "seconds" and re.fullmatch("[0-9]{13}", text):
            steps = (mistake("time_unit"),)
    own = "".join(map(str, signature.message))
    around = _around(own, values)
    yield Message(around[0] + body + around[1], steps)
    for other, step in bodies(body):
        yield Message(around[0] + other + around[1], (*steps, step))
    for parts in _OTHER_PARTS:
        if parts == own or any(name in parts and not text for name, text in values.items()):
            continue
        before, after = _around(parts, values)
        step = mistake("signed_parts", which=parts, wanted=own)
        yield Message(before + body + after, (*steps, step))


def _around(parts: str, values: dict[str, str]) -> tuple[bytes, bytes]:
    """Return the signed texts before and after the body."""
    before, _, after = parts.partition("{body}")
    for name, text in values.items():
        before, after = before.replace(name, text), after.replace(name, text)
    return before.encode("utf-8", "surrogatepass"), after.encode("utf-8", "surrogatepass")
