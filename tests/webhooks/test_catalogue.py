"""The webhook schemes of the catalogue: their vectors and their documentation."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from countermark import BadWebhook, Keyring, SecretKey
from countermark.webhooks import WebhookScheme, verify_webhook
from countermark.webhooks._parts import SignatureHeader, WebhookVector
from countermark.webhooks._scheme import webhook_scheme_slugs
from tests.webhooks.public_keys import public_key
from tests.webhooks.reference_signatures import verifies_ed25519, verifies_p256, verifies_rsa


def vectors(slugs: Iterable[str]) -> list[Any]:
    return [
        pytest.param(slug, vector, id=f"{slug}-{vector.origin}")
        for slug in slugs
        for vector in WebhookScheme.load(slug).vectors
    ]


PUBLIC = {slug for slug in webhook_scheme_slugs() if WebhookScheme.load(slug).has_public_key}
VECTORS = vectors(webhook_scheme_slugs())
PUBLIC_VECTORS = vectors(sorted(PUBLIC))
MAC_VECTORS = vectors(sorted({*webhook_scheme_slugs()} - PUBLIC))


@pytest.mark.parametrize("slug", webhook_scheme_slugs())
def test_each_scheme_of_the_catalogue_has_a_source_a_date_a_variable_and_vectors(slug: str) -> None:
    scheme = WebhookScheme.load(slug)
    assert scheme is WebhookScheme.load(slug)
    assert scheme.vectors
    assert scheme.source
    assert scheme.read is not None
    assert scheme.secret.variable


@pytest.mark.filterwarnings("ignore::countermark.WeakKeyWarning")
@pytest.mark.parametrize(("slug", "vector"), VECTORS)
def test_a_vector_is_verified(slug: str, vector: WebhookVector) -> None:
    scheme = WebhookScheme.load(slug)
    # The secret of an example may be a placeholder, which a keyring refuses.
    ring = Keyring(vector.secret if scheme.has_public_key else SecretKey.of_example(vector.secret))
    keys: Any = {vector.key_id: ring} if vector.key_id else ring
    delivery: dict[str, Any] = {
        "headers": vector.headers, "body": vector.body, "method": vector.method,
        "path": vector.path, "base_url": vector.base_url,
    }  # fmt: skip
    verified = verify_webhook(slug, keys, **delivery, clock=lambda: vector.now)
    assert verified.delivery_id == vector.delivery_id
    another = Keyring("BB" * 32 if scheme.secret.form == "hex" else scheme.secret.prefix + "B" * 32)
    if isinstance(scheme.signature, SignatureHeader) and scheme.has_public_key:
        another = Keyring(public_key(scheme.signature.algorithm))
    keys = {vector.key_id: another} if vector.key_id else another
    with pytest.raises(BadWebhook):
        verify_webhook(slug, keys, **delivery, clock=lambda: vector.now)


def of_body(
    header: str,
    form: str,
    algorithm: str = "sha256",
    signed: str = "{body}",
    key: Callable[[str], bytes] = str.encode,
) -> Callable[[WebhookVector], dict[str, str]]:
    """Return a function that computes a header with the MAC of a text."""

    def compute(vector: WebhookVector) -> dict[str, str]:
        message = signed.replace("{body}", vector.body).encode()
        code = hmac.digest(key(vector.secret), message, algorithm)
        return {header: form.format(hex=code.hex(), base64=b64encode(code).decode())}

    return compute


def of_time(
    header: str, form: str, before: str, time_header: str = ""
) -> Callable[[WebhookVector], dict[str, str]]:
    """Return a function that computes a header with the MAC of a time and the body."""

    def compute(vector: WebhookVector) -> dict[str, str]:
        signed = before.format(at=vector.now)
        (computed,) = of_body(header, "{hex} {base64}", signed=signed + "{body}")(vector).values()
        hex, base64 = computed.split(" ")
        headers = {header: form.format(hex=hex, base64=base64, at=vector.now)}
        if time_header:
            headers[time_header] = str(vector.now)
        return headers

    return compute


def of_id_and_time(start: str) -> Callable[[WebhookVector], dict[str, str]]:
    """Return a function that computes the signature of Standard Webhooks."""

    def compute(vector: WebhookVector) -> dict[str, str]:
        id, at = vector.headers[f"{start}-id"], vector.headers[f"{start}-timestamp"]
        key = b64decode(vector.secret.removeprefix("whsec_"))
        code = hmac.digest(key, f"{id}.{at}.{vector.body}".encode(), "sha256")
        return {f"{start}-signature": f"v1,{b64encode(code).decode()}"}

    return compute


def of_url(
    header: str, form: str, algorithm: str = "sha256"
) -> Callable[[WebhookVector], dict[str, str]]:
    """Return a function that computes a header with the MAC of a URL and the body."""

    def compute(vector: WebhookVector) -> dict[str, str]:
        base, path = vector.base_url or "", vector.path
        if "port" in vector.origin:
            base += ":443"
        pairs = set(parse_qsl(vector.body, keep_blank_values=True))
        signed = form.format(
            method=vector.method,
            url=base + re.sub("%(40|2F)", lambda code: unquote(code[0]), path),
            body=vector.body,
            parameters="" if "bodySHA256" in path else "".join(map("".join, sorted(pairs))),
            at=vector.headers.get("X-HubSpot-Request-Timestamp"),
        )
        code = hmac.digest(vector.secret.encode(), signed.encode(), algorithm)
        return {header: b64encode(code).decode()}

    return compute


def compute_mailgun(vector: WebhookVector) -> dict[str, str]:
    """Check the code in the body, as there is none in a header."""
    signed = json.loads(vector.body)["signature"]
    message = f"{signed['timestamp']}{signed['token']}".encode()
    assert signed["signature"] == hmac.digest(vector.secret.encode(), message, "sha256").hex()
    return {}


def compute_coinbase(vector: WebhookVector) -> dict[str, str]:
    """Compute the signature of the time and the body, and that of the headers if it is there."""
    header = "X-Hook0-Signature"
    computed = of_time(header, "t={at},v0={hex}", "{at}.")(vector)
    if "v1=" in vector.headers[header]:
        names = ["x-event-id", "x-event-type"]
        given = {name.lower(): value for name, value in vector.headers.items()}
        signed = ".".join(
            [str(vector.now), " ".join(names), *(given[name] for name in names), vector.body]
        )
        code = hmac.digest(vector.secret.encode(), signed.encode(), "sha256").hex()
        computed[header] += f",h={' '.join(names)},v1={code}"
    return computed


def compute_workos(vector: WebhookVector) -> dict[str, str]:
    time, _, _ = vector.headers["WorkOS-Signature"].partition(",")
    form, signed = f"{time}, v1={{hex}}", f"{time[2:]}.{{body}}"
    return of_body("WorkOS-Signature", form, signed=signed)(vector)


def compute_cognito(vector: WebhookVector) -> dict[str, str]:
    headers = {name.lower(): value for name, value in vector.headers.items()}
    digest = "SHA-256=" + b64encode(hashlib.sha256(vector.body.encode()).digest()).decode()
    lines = f"(request-target): post {vector.path}\ndate: {headers['date']}\ndigest: {digest}"
    mac = hmac.digest(vector.secret.encode(), lines.encode(), "sha256")
    before = headers["authorization"].partition('signature="')[0]
    authorization = f'{before}signature="{b64encode(mac).decode()}"'
    return {"digest": digest, "authorization": authorization}


#: The headers that prove a vector, computed with hmac and hashlib alone, by scheme.
COMPUTE: dict[str, Callable[[WebhookVector], dict[str, str]]] = {
    "adyen": of_body("HmacSignature", "{base64}", key=bytes.fromhex),
    "airtable": of_body("X-Airtable-Content-MAC", "hmac-sha256={hex}", key=b64decode),
    "airwallex": of_time("x-signature", "{hex}", "{at}123"),
    "alchemy": of_body("X-Alchemy-Signature", "{hex}"),
    "bitbucket": of_body("X-Hub-Signature", "sha256={hex}"),
    "buildkite": of_time("X-Buildkite-Signature", "timestamp={at},signature={hex}", "{at}."),
    "cal-com": of_body("X-Cal-Signature-256", "{hex}"),
    "calendly": of_time("Calendly-Webhook-Signature", "t={at},v1={hex}", "{at}."),
    "cashfree": of_time("x-webhook-signature", "{base64}", "{at}123"),
    "castle": of_body("X-Castle-Signature", "{base64}"),
    "chatwoot": of_time("X-Chatwoot-Signature", "sha256={hex}", "{at}.", "X-Chatwoot-Timestamp"),
    "checkout-com": of_body("Cko-Signature", "{hex}"),
    "circleci": of_body("circleci-signature", "v1={hex}"),
    "clickup": of_body("X-Signature", "{hex}"),
    "cloudflare-notifications": lambda vector: {"cf-webhook-auth": vector.secret},
    "cloudflare-stream": of_time("Webhook-Signature", "time={at},sig1={hex}", "{at}."),
    "cognito": compute_cognito,
    "coinbase": compute_coinbase,
    "cronofy": of_body("Cronofy-HMAC-SHA256", "{base64}"),
    "customer-io": of_time("X-CIO-Signature", "{hex}", "v0:{at}:", "X-CIO-Timestamp"),
    "discourse": of_body("X-Discourse-Event-Signature", "sha256={hex}"),
    "docusign": of_body("X-DocuSign-Signature-1", "{base64}"),
    "dropbox": of_body("X-Dropbox-Signature", "{hex}"),
    "easypost": of_body("X-Hmac-Signature", "hmac-sha256-hex={hex}"),
    "elevenlabs": of_time("ElevenLabs-Signature", "t={at},v0={hex}", "{at}."),
    "expo": of_body("expo-signature", "sha1={hex}", "sha1"),
    "ghost": of_body(
        "X-Ghost-Signature", "sha256={hex}, t=1719842984367", signed="{body}1719842984367"
    ),
    "gitea": of_body("X-Gitea-Signature", "{hex}"),
    "github": of_body("X-Hub-Signature-256", "sha256={hex}"),
    "gitlab": lambda vector: {"X-Gitlab-Token": vector.secret},
    "gocardless": of_body("Webhook-Signature", "{hex}"),
    "grafana": of_body("X-Grafana-Alerting-Signature", "{hex}"),
    "greenhouse": of_body("Signature", "sha256 {hex}"),
    "help-scout": of_body("X-HelpScout-Signature", "{base64}", "sha1"),
    "heroku": of_body("Heroku-Webhook-Hmac-SHA256", "{base64}"),
    "hookdeck": of_body("x-hookdeck-signature", "{base64}"),
    "hubspot": of_url("X-HubSpot-Signature-v3", "{method}{url}{body}{at}"),
    "intercom": of_body("X-Hub-Signature", "sha1={hex}", "sha1"),
    "jira": of_body("X-Hub-Signature", "sha256={hex}"),
    "knock": of_time("x-knock-signature", "t={at}123,s={base64}", "{at}123."),
    "kustomer": of_body("X-Kustomer-Webhook-Signature", "{hex}"),
    "launchdarkly": of_body("X-LD-Signature", "{hex}"),
    "lemonsqueezy": of_body("X-Signature", "{hex}"),
    "line": of_body("X-Line-Signature", "{base64}"),
    "linear": of_body("Linear-Signature", "{hex}"),
    "linkedin": of_body("X-LI-Signature", "{hex}", signed="hmacsha256={body}"),
    "logto": of_body("logto-signature-sha-256", "{hex}"),
    "mailchimp-transactional": of_url("X-Mandrill-Signature", "{url}{parameters}", "sha1"),
    "mailgun": compute_mailgun,
    "meta": of_body("X-Hub-Signature-256", "sha256={hex}"),
    "modern-treasury": of_body("X-Signature", "{hex}"),
    "mollie": of_body("X-Mollie-Signature", "sha256={hex}"),
    "mux": of_time("Mux-Signature", "t={at},v1={hex}", "{at}."),
    "notion": of_body("X-Notion-Signature", "sha256={hex}"),
    "novu-bridge": of_time("novu-signature", "t={at}123,v1={hex}", "{at}123."),
    "nylas": of_body("x-nylas-signature", "{hex}"),
    "okta": lambda vector: {"Authorization": vector.secret},
    "onfido": of_body("X-SHA2-Signature", "{hex}"),
    "paddle": of_time("Paddle-Signature", "ts={at};h1={hex}", "{at}:"),
    "pagerduty": lambda vector: of_body(
        "X-PagerDuty-Signature",
        vector.headers["X-PagerDuty-Signature"][:-64] + "{hex}",
    )(vector),
    "paystack": of_body("X-Paystack-Signature", "{hex}", "sha512"),
    "pusher": of_body("X-Pusher-Signature", "{hex}"),
    "quickbooks": of_body("intuit-signature", "{base64}"),
    "razorpay": of_body("X-Razorpay-Signature", "{hex}"),
    "revolut": of_time("Revolut-Signature", "v1={hex}", "v1.{at}360."),
    "segment": of_body("X-Signature", "{hex}", "sha1"),
    "sentry": of_body("Sentry-Hook-Signature", "{hex}"),
    "shopify": of_body("X-Shopify-Hmac-SHA256", "{base64}"),
    "slack": of_time("X-Slack-Signature", "v0={hex}", "v0:{at}:", "X-Slack-Request-Timestamp"),
    "snyk": of_body("X-Hub-Signature", "sha256={hex}"),
    "sonarqube": of_body("X-Sonar-Webhook-HMAC-SHA256", "{hex}"),
    "square": of_url("x-square-hmacsha256-signature", "{url}{body}"),
    "standard-webhooks": of_id_and_time("webhook"),
    "stigg": lambda vector: {"Stigg-Webhooks-Secret": vector.secret},
    "stream-chat": of_body("X-Signature", "{hex}"),
    "stripe": of_time("Stripe-Signature", "t={at},v1={hex}", "{at}."),
    "svix": of_id_and_time("svix"),
    "telegram": lambda vector: {"X-Telegram-Bot-Api-Secret-Token": vector.secret},
    "terraform": of_body("X-TFE-Notification-Signature", "{hex}", "sha512"),
    "tiktok": of_time("TikTok-Signature", "t={at},s={hex}", "{at}."),
    "todoist": of_body("X-Todoist-Hmac-SHA256", "{base64}"),
    "trello": of_url("X-Trello-Webhook", "{body}{url}", "sha1"),
    "twilio": of_url("X-Twilio-Signature", "{url}{parameters}", "sha1"),
    "twilio-shared-key": of_url("X-Twilio-Signature", "{url}{parameters}"),
    "twitch": of_body(
        "Twitch-Eventsub-Message-Signature",
        "sha256={hex}",
        signed="befa7b53-d79d-478f-86b9-120f112b044e2026-11-30T12:00:00.634234626Z{body}",
    ),
    "toggl": of_body("X-Webhook-Signature-256", "sha256={hex}"),
    "twitter": of_body("x-twitter-webhooks-signature", "sha256={base64}"),
    "typeform": of_body("Typeform-Signature", "sha256={base64}"),
    "vercel": of_body("x-vercel-signature", "{hex}", "sha1"),
    "webflow": of_time("x-webflow-signature", "{hex}", "{at}123:"),
    "woocommerce": of_body("X-WC-Webhook-Signature", "{base64}"),
    "workos": compute_workos,
    "xero": of_body("x-xero-signature", "{base64}"),
    "zendesk": of_time("X-Zendesk-Webhook-Signature", "{base64}", "2026-11-30T12:00:00Z"),
    "zitadel": of_time("ZITADEL-Signature", "t={at},v1={hex}", "{at}."),
    "zoom": of_time("x-zm-signature", "v0={hex}", "v0:{at}:", "x-zm-request-timestamp"),
}


def sha256(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


def parts_of(slug: str, vector: WebhookVector) -> tuple[bytes, bytes]:
    """Return the signed message of a vector of a public key, and its signature."""
    headers = {name.lower(): value for name, value in vector.headers.items()}
    before, name, encoding = {
        "bridge": ("{at}204.", "x-webhook-signature", "base64"),
        "circle": ("", "x-circle-signature", "base64"),
        "cloudflare-realtimekit": ("", "rtk-signature", "base64"),
        "discord": ("{at}", "x-signature-ed25519", "hex"),
        "github-secret-scanning": ("", "github-public-key-signature", "base64"),
        "kick": ("{id}.2025-02-21T23:23:36Z.", "kick-event-signature", "base64"),
        "sendgrid": ("{at}", "x-twilio-email-event-webhook-signature", "base64"),
        "standard-webhooks-ed25519": ("{id}.{at}.", "webhook-signature", "base64"),
        "telnyx": ("{at}|", "telnyx-signature-ed25519", "base64"),
        "wise": ("", "x-signature-sha256", "base64"),
    }[slug]
    message = before.format(at=vector.now, id=vector.delivery_id) + vector.body
    code = re.sub("^(v1a,|t=1705854411204,v0=)", "", headers[name])
    return message.encode(), bytes.fromhex(code) if encoding == "hex" else b64decode(code)


@pytest.mark.parametrize(("slug", "vector"), PUBLIC_VECTORS)
def test_whole_numbers_alone_verify_a_vector_of_a_public_key(
    slug: str, vector: WebhookVector
) -> None:
    message, signature = parts_of(slug, vector)
    key = vector.secret
    verifies: dict[str, Callable[[bytes], bool]] = {
        "bridge": lambda message: verifies_rsa(key, sha256(message), signature),
        "circle": lambda message: verifies_p256(key, message, signature),
        "cloudflare-realtimekit": lambda message: verifies_rsa(key, message, signature),
        "discord": lambda message: verifies_ed25519(bytes.fromhex(key), message, signature),
        "github-secret-scanning": lambda message: verifies_p256(
            "".join(key.strip().splitlines()[1:-1]), message, signature
        ),
        "kick": lambda message: verifies_rsa(key, message, signature),
        "sendgrid": lambda message: verifies_p256(key, message, signature),
        "standard-webhooks-ed25519": lambda message: verifies_ed25519(
            b64decode(key.removeprefix("whpk_")), message, signature
        ),
        "telnyx": lambda message: verifies_ed25519(b64decode(key), message, signature),
        "wise": lambda message: verifies_rsa(key, message, signature),
    }
    assert verifies[slug](message)
    assert not verifies[slug](message + b" ")


@pytest.mark.parametrize(("slug", "vector"), MAC_VECTORS)
def test_hmac_and_hashlib_compute_the_headers_of_a_vector(slug: str, vector: WebhookVector) -> None:
    headers = {name.lower(): value for name, value in vector.headers.items()}
    for name, value in COMPUTE[slug](vector).items():
        assert headers[name.lower()] == value
