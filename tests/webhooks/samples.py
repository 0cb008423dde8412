"""Deliveries as vendors send them; MACs are computed with hmac and hashlib alone."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from email.utils import formatdate
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from countermark import Keyring
from countermark.webhooks import WebhookVerifier
from tests.webhooks.public_keys import public_key, sign

NOW = 1_700_000_000.0
SECRET = "a-secret-of-the-tests-with-enough-bytes"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY_ID = "live_key_deadbeefcafedeadbeefcafedeadbeef"
BODY = b'{"id":"evt-1","messageId":"evt-1","amount":5}'
COVERED = "(request-target) date digest"

#: The header that proves a delivery, by scheme.
PROOF = {
    "stigg": "Stigg-Webhooks-Secret",
    "standard-webhooks": "webhook-signature",
    "github": "X-Hub-Signature-256",
    "cognito": "Authorization",
    "discord": "X-Signature-Ed25519",
    "sendgrid": "X-Twilio-Email-Event-Webhook-Signature",
    "twilio": "X-Twilio-Signature",
    "hubspot": "X-HubSpot-Signature-v3",
}
BASE_URL = "https://hooks.example.com"
FORM = b"Body=Hello+World%21&From=%2B15005550006&To=%2B15005550001&Body=2"
SCHEMES = sorted(PROOF)


class Delivery(NamedTuple):
    """One delivery, as a vendor sends it."""

    headers: dict[str, str]
    body: bytes = BODY
    method: str = "POST"
    path: str = "/hooks?x=1"

    def having(self, **headers: str | None) -> Delivery:
        """Return a copy with other headers, named with underscores; None removes one."""
        changed: dict[str, str] = dict(self.headers)
        for name, value in headers.items():
            spelled = {own.lower().replace("-", "_"): own for own in self.headers}.get(name, name)
            changed.pop(spelled, None)
            if value is not None:
                changed[spelled] = value
        return self._replace(headers=changed)


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def stigg(body: bytes = BODY, secret: str = SECRET) -> Delivery:
    return Delivery({"Stigg-Webhooks-Secret": secret}, body)


def github(body: bytes = BODY, secret: str = SECRET, delivery: str = "evt-1") -> Delivery:
    signature = "sha256=" + mac(secret.encode(), body).hex()
    return Delivery({"X-Hub-Signature-256": signature, "X-GitHub-Delivery": delivery}, body)


def standard(
    body: bytes = BODY, secret: str = WHSEC, at: float = NOW, delivery: str = "evt-1"
) -> Delivery:
    key = b64decode(secret.removeprefix("whsec_"))
    message = f"{delivery}.{int(at)}.".encode() + body
    headers = {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": "v1," + base64(mac(key, message)),
    }
    return Delivery(headers, body)


def cognito(
    body: bytes = BODY,
    secret: str = SECRET,
    at: float = NOW,
    key_id: str = KEY_ID,
    covered: str = COVERED,
    **changes: str,
) -> Delivery:
    """Return a delivery of Cognito, with *changes* of the signature's parameters."""
    delivery = Delivery({}, body)
    headers = {
        "Date": formatdate(at, usegmt=True),
        "Digest": "SHA-256=" + base64(hashlib.sha256(body).digest()),
    }
    values = {"(request-target)": f"post {delivery.path}"}
    values |= {name.lower(): value for name, value in headers.items()}
    lines = [f"{name}: {values[name]}" for name in covered.lower().split(" ") if name in values]
    parameters = {
        "keyId": key_id,
        "algorithm": "hmac-sha256",
        "headers": covered,
        "signature": base64(mac(secret.encode(), "\n".join(lines).encode())),
        **changes,
    }
    headers["Authorization"] = "Signature " + ",".join(
        f'{name}="{value}"' for name, value in parameters.items()
    )
    return delivery._replace(headers=headers)


def discord(body: bytes = BODY, at: float = NOW) -> Delivery:
    signature = sign("ed25519", str(int(at)).encode() + body).hex()
    headers = {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": str(int(at))}
    return Delivery(headers, body)


def sendgrid(body: bytes = BODY, at: float = NOW) -> Delivery:
    signature = sign("ecdsa-p256-sha256", str(int(at)).encode() + body)
    start = "X-Twilio-Email-Event-Webhook-"
    headers = {f"{start}Signature": base64(signature), f"{start}Timestamp": str(int(at))}
    return Delivery(headers, body)


def twilio(
    body: bytes = FORM, secret: str = SECRET, path: str = "/hooks?x=1", base: str = BASE_URL
) -> Delivery:
    pairs = sorted(set(parse_qsl(body.decode("latin-1"), keep_blank_values=True)))
    signed = base + path + "".join(name + value for name, value in pairs)
    code = hmac.digest(secret.encode(), signed.encode(), "sha1")
    return Delivery({"X-Twilio-Signature": base64(code)}, body, path=path)


def hubspot(
    body: bytes = BODY,
    secret: str = SECRET,
    at: float = NOW,
    *,
    method: str = "POST",
    path: str = "/hooks?x=1",
    signed_path: str | None = None,
) -> Delivery:
    url, time = f"{method}{BASE_URL}{signed_path or path}", str(int(at * 1000))
    headers = {
        "X-HubSpot-Signature-v3": base64(mac(secret.encode(), url.encode() + body + time.encode())),
        "X-HubSpot-Request-Timestamp": time,
    }
    return Delivery(headers, body, method, path)


def sent(scheme: str, **changes: Any) -> Delivery:
    """Return a valid delivery of a scheme."""
    senders: dict[str, Any] = {
        "stigg": stigg, "github": github, "standard-webhooks": standard, "cognito": cognito,
        "discord": discord, "sendgrid": sendgrid,
        "twilio": twilio, "hubspot": hubspot,
    }  # fmt: skip
    delivery: Delivery = senders[scheme](**changes)
    return delivery


def secret_of(scheme: str) -> str:
    """Return the secret of the samples, or their public key."""
    return {
        "standard-webhooks": WHSEC,
        "discord": public_key("ed25519", "hex"),
        "sendgrid": public_key("ecdsa-p256-sha256", "spki"),
    }.get(scheme, SECRET)


def verifier(scheme: str, keyring: Keyring | None = None, **options: Any) -> WebhookVerifier:
    """Return a verifier with the keys and the time of the samples."""
    ring = keyring or Keyring(secret_of(scheme))
    keys: Any = {KEY_ID: ring} if scheme == "cognito" else ring
    base_url = BASE_URL if scheme in {"twilio", "hubspot"} else None
    return WebhookVerifier(scheme, keys, **{"clock": lambda: NOW, "base_url": base_url, **options})
