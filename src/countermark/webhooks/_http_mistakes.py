"""Explains an HTTP signature: another path or method, or a body that does not fit its digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._codes import codes
from countermark.mistakes._explanation import UNEXPLAINED, Explanation
from countermark.mistakes._keys import candidate_keys
from countermark.mistakes._search import Message, explanation, search
from countermark.mistakes._ways import HASHES, ways
from countermark.webhooks._body_mistakes import mistake_in_hashed
from countermark.webhooks._http_signatures import Parameters, read_parameters
from countermark.webhooks._parts import HttpSignature
from countermark.webhooks._request_head import RequestHead
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._url_mistakes import other_targets

METHODS = ("post", "get", "put", "patch", "delete", "POST")


def explain_http_signature(
    scheme: WebhookScheme,
    signature: HttpSignature,
    rings: Mapping[str, Keyring],
    head: RequestHead,
    body: bytes,
) -> Explanation:
    """Return the mistakes that explain a signature that does not match; raises Refused."""
    parameters = read_parameters(head.require("authorization", max_commas=None))
    missing = set(signature.covers).difference(parameters.covered)
    if missing:
        which, wanted = " ".join(parameters.covered), " ".join(signature.covers)
        return Explanation("explained", (mistake("signed_parts", which=which, wanted=wanted),))
    ring = rings.get(parameters.key_id)
    if ring is None:
        return Explanation("explained", (mistake("unknown_key"),))
    algorithm = signature.algorithm.removeprefix("hmac-")
    secret = scheme.secret
    keys = candidate_keys(
        ring,
        {},
        form=secret.form,
        prefix=secret.prefix,
        variable=secret.variable,
    )
    wanted_codes = codes(parameters.signature, "base64", HASHES[algorithm][1])
    messages = [*_messages(parameters, head)]
    found = search(wanted_codes, keys, messages, ways(algorithm, "hmac"))
    in_body = _of_digest(head.require("digest"), body)
    if found and (found[0].mistakes or in_body):
        return explanation(found, in_body)
    return UNEXPLAINED


def _of_digest(digest: str, body: bytes) -> tuple[Mistake, ...]:
    """Return the mistake that explains why the body does not match its digest, if any."""
    for code in codes(digest.partition("=")[2], "base64", 32):
        found = mistake_in_hashed(body, code.data)
        if found:
            return found
    return ()


def _messages(parameters: Parameters, head: RequestHead) -> Iterator[Message]:
    yield Message(_signed(parameters, head, head.method.lower(), head.path))
    for path, which in other_targets(head.path).items():
        step = mistake("path_changed", which=which)
        yield Message(_signed(parameters, head, head.method.lower(), path), (step,))
    for method in METHODS:
        if method != head.method.lower():
            step = mistake("method_changed", which=method)
            yield Message(_signed(parameters, head, method, head.path), (step,))
    own = _signed(parameters, head, head.method.lower(), head.path)
    step = mistake("message_white_space", which="a newline at its end")
    yield Message(own + b"\n", (step,))


def _signed(parameters: Parameters, head: RequestHead, method: str, path: str) -> bytes:
    lines = [
        f"{name}: {method} {path}"
        if name == "(request-target)"
        else f"{name}: {head.get(name, max_commas=None) or ''}"
        for name in parameters.covered
    ]
    return "\n".join(lines).encode("utf-8", "surrogatepass")
