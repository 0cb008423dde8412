"""Explains a MAC that is in the body."""

from __future__ import annotations

from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import mistake
from countermark.mistakes._codes import codes
from countermark.mistakes._explanation import UNEXPLAINED, Explanation
from countermark.mistakes._keys import candidate_keys
from countermark.mistakes._search import Message, explanation, search
from countermark.mistakes._ways import HASHES, ways
from countermark.webhooks._delivery_body import Body
from countermark.webhooks._member_checks import signed_members
from countermark.webhooks._parts import SignatureMember
from countermark.webhooks._scheme import WebhookScheme


def explain_member(
    scheme: WebhookScheme, signature: SignatureMember, ring: Keyring, body: Body
) -> Explanation:
    """Return the mistakes that explain a MAC that does not match; raises Refused."""
    text = str(body.member(signature.member))
    secret = scheme.secret
    keys = candidate_keys(
        ring, {}, form=secret.form, prefix=secret.prefix, variable=secret.variable
    )
    wanted = f"{{timestamp}}{signature.between}{{id}}"
    messages = [
        Message(signed_members(scheme, signature, body)),
        Message(body.content, (mistake("signed_parts", which="{body}", wanted=wanted),)),
    ]
    found = search(
        [*codes(text, signature.encoding, HASHES[signature.algorithm][1])],
        keys,
        messages,
        ways(signature.algorithm, "hmac"),
    )
    return explanation(found) if found and found[0].mistakes else UNEXPLAINED
