"""Keys, bodies and deliveries of any webhook format, to sign and verify."""

from __future__ import annotations

import json
from typing import Any

from countermark import Keyring
from countermark.webhooks import WebhookScheme, WebhookSigner, WebhookVerifier, new_webhook_secret
from countermark.webhooks._parts import SignatureMember
from countermark.webhooks._scheme import webhook_scheme_slugs
from countermark.webhooks._signed_url import signs_url
from tests.webhooks.samples import BASE_URL, KEY_ID, NOW


def signed_slugs() -> list[str]:
    """Return the names of the formats whose deliveries a signer can sign."""
    schemes = map(WebhookScheme.load, webhook_scheme_slugs())
    return [one.slug for one in schemes if not isinstance(one.signature, SignatureMember)]


_made: dict[tuple[str, int], str] = {}


def secret_for(scheme: WebhookScheme, number: int = 0) -> str:
    """Return the secret of a number. Keys of RSA take long to make, so formats share them."""
    algorithm = getattr(scheme.signature, "algorithm", "")
    kind = "rsa" if algorithm.startswith("rsa-") else scheme.slug
    if (kind, number) not in _made:
        _made[kind, number] = new_webhook_secret(scheme)
    return _made[kind, number]


def keyring_for(scheme: WebhookScheme, number: int = 0) -> Keyring:
    """Return a keyring with the secret of a number."""
    return Keyring(secret_for(scheme, number))


def named(scheme: WebhookScheme, ring: Keyring) -> Any:
    """Return the keyring in the form that a signer and a verifier need."""
    return {KEY_ID: ring} if scheme.secret.key_id_variable else ring


def base_url_for(scheme: WebhookScheme) -> str | None:
    """Return the base of the public URL, if the format signs one."""
    return BASE_URL if signs_url(scheme) else None


def body_for(scheme: WebhookScheme) -> bytes:
    """Return a body with the time and the id that the format has in it."""
    if "{parameters}" in map(str, getattr(scheme.signature, "message", ())):
        return b"b=2&a=%C3%A9"
    content: dict[str, Any] = {"text": "é"}
    if scheme.id is not None and scheme.id.body:
        put(content, scheme.id.body, "evt-1")
    time = scheme.timestamp
    if time is not None and time.body:
        put(content, time.body, int(NOW * 1000) if time.form == "milliseconds" else int(NOW))
    return json.dumps(content, ensure_ascii=False).encode()


def put(content: dict[str, Any], place: str, value: object) -> None:
    """Put a value into a place such as ``event.id``."""
    *outer, name = place.split(".")
    for part in outer:
        content = content.setdefault(part, {})
    content[name] = value


def signer_for(scheme: WebhookScheme, ring: Keyring) -> WebhookSigner:
    return WebhookSigner(
        scheme, named(scheme, ring), base_url=base_url_for(scheme), clock=lambda: NOW
    )


def verifier_for(scheme: WebhookScheme, ring: Keyring, at: float = NOW) -> WebhookVerifier:
    """Return the verifier of a receiver, which has the public keys if there are such."""
    public = signer_for(scheme, ring).public_keys
    if public:
        ring = Keyring(public[0], next=public[1:])
    return WebhookVerifier(
        scheme, named(scheme, ring), base_url=base_url_for(scheme), clock=lambda: at
    )
