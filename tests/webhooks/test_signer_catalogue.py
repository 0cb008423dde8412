"""Deliveries of every format of the catalogue, signed and verified."""

from __future__ import annotations

from typing import Any

import pytest

from countermark import BadWebhook, ConfigurationError, Keyring, SecretKey
from countermark.webhooks import WebhookScheme, WebhookSigner, WebhookVerifier
from countermark.webhooks._parts import SecretHeader, SignatureHeader, WebhookVector
from tests.webhooks.samples import NOW
from tests.webhooks.signing import body_for, keyring_for, signed_slugs, signer_for, verifier_for

PATH = "/hooks?x=1"


@pytest.mark.parametrize("slug", signed_slugs())
def test_a_signed_delivery_of_each_format_is_verified(slug: str) -> None:
    scheme = WebhookScheme.load(slug)
    ring, body = keyring_for(scheme), body_for(scheme)
    headers = signer_for(scheme, ring).sign(body, path=PATH)
    verified = verifier_for(scheme, ring).verify(headers=headers, body=body, path=PATH)
    assert verified.role == "current"
    assert verified.timestamp in (None, NOW)
    own_id = headers[scheme.id.header] if scheme.id and scheme.id.header else None
    assert verified.delivery_id == (own_id or ("evt-1" if scheme.id else None))
    if isinstance(scheme.signature, SecretHeader):
        return
    changed = body.replace(b"\xc3\xa9", b"e").replace(b"%C3%A9", b"e")
    with pytest.raises(BadWebhook) as caught:
        verifier_for(scheme, ring).verify(headers=headers, body=changed, path=PATH)
    assert caught.value.code in {"mismatch", "digest_mismatch"}


@pytest.mark.parametrize("slug", signed_slugs())
def test_receivers_with_one_of_two_keys_accept_a_delivery_if_the_format_has_several_signatures(
    slug: str,
) -> None:
    scheme = WebhookScheme.load(slug)
    old, new = keyring_for(scheme).current, keyring_for(scheme, 1).current
    signature = scheme.signature
    several = isinstance(signature, SignatureHeader) and bool(signature.separator)
    body = body_for(scheme)
    for ring in (Keyring(old, next=new), Keyring(old, previous=new)):
        headers = signer_for(scheme, ring).sign(body)
        delivery: dict[str, Any] = {"headers": headers, "body": body}
        assert verifier_for(scheme, Keyring(old)).verify(**delivery).role == "current"
        if several:
            assert verifier_for(scheme, Keyring(new)).verify(**delivery).role == "current"
        else:
            with pytest.raises(BadWebhook, match="does not match"):
                verifier_for(scheme, Keyring(new)).verify(**delivery)


VECTORS = [
    pytest.param(slug, vector, id=f"{slug}-{vector.origin}")
    for slug in signed_slugs()
    for vector in WebhookScheme.load(slug).vectors
    # The vector has no private key, or a time to the nanosecond.
    if not WebhookScheme.load(slug).has_public_key and slug != "twitch"
]


@pytest.mark.parametrize(("slug", "vector"), VECTORS)
def test_a_vector_is_signed_again_with_the_same_bytes(slug: str, vector: WebhookVector) -> None:
    scheme = WebhookScheme.load(slug)
    # The rule for secrets of one's own choice does not apply to examples.
    scheme = scheme._replace(secret=scheme.secret._replace(least=1))
    headers = {name.lower(): value for name, value in vector.headers.items()}
    at = time_of(scheme, vector, headers)
    own_id = headers.get(scheme.id.header) if scheme.id and scheme.id.header else None
    ring = Keyring(SecretKey.of_example(vector.secret))
    keys = {vector.key_id: ring} if vector.key_id else ring
    base_url = vector.base_url
    if "with a port" in vector.origin:  # receivers try the default port too
        base_url = f"{base_url}:443"
    signer = WebhookSigner(scheme, keys, base_url=base_url, clock=lambda: at)
    made = signer.sign(vector.body, delivery_id=own_id, method=vector.method, path=vector.path)
    if own_id is None and scheme.id is not None and scheme.id.header:
        del made[scheme.id.header]  # the vector has none
    proof = getattr(scheme.signature, "header", "authorization")
    assert set(signatures_in(scheme, made[proof])) <= set(signatures_in(scheme, headers[proof]))
    assert {name: headers[name] for name in made if name != proof} == {
        name: value for name, value in made.items() if name != proof
    }


def time_of(scheme: WebhookScheme, vector: WebhookVector, headers: dict[str, str]) -> float:
    """Return the time of a vector, to the millisecond if it is signed like that."""
    time = scheme.timestamp
    if time is None or time.body or time.form != "milliseconds":
        return vector.now
    text = headers.get(time.header) or next(
        entry.removeprefix(time.entry)
        for entry in headers[scheme.signature.header].split(scheme.signature.separator)  # type: ignore[union-attr]
        if entry.startswith(time.entry)
    )
    return int(text) / 1000


def signatures_in(scheme: WebhookScheme, value: str) -> list[str]:
    """Return the entries of a header of signatures, of which a vector may have more."""
    signature = scheme.signature
    several = isinstance(signature, SignatureHeader) and signature.separator
    return value.split(several) if several else [value]


def test_a_format_whose_signature_is_in_the_body_is_refused() -> None:
    ring = keyring_for(WebhookScheme.load("mailgun"))
    with pytest.raises(ConfigurationError, match="mailgun: the signature is in the body"):
        WebhookSigner("mailgun", ring)


def test_the_first_key_id_signs() -> None:
    scheme = WebhookScheme.load("cognito")
    ring, other = keyring_for(scheme), keyring_for(scheme, 1)
    signer = WebhookSigner(scheme, {"first": ring, "second": other}, clock=lambda: NOW)
    headers = signer.sign(b"{}")
    assert 'keyId="first"' in headers["authorization"]
    verifier = WebhookVerifier(scheme, {"first": ring}, clock=lambda: NOW)
    assert verifier.verify(headers=headers, body=b"{}").role == "current"
