"""Webhooks: whether a delivery comes from the vendor, is whole, and is of now."""

from countermark.webhooks.scheme import WebhookScheme as WebhookScheme
from countermark.webhooks.verified import VerifiedWebhook as VerifiedWebhook
from countermark.webhooks.verifier import WebhookVerifier as WebhookVerifier
from countermark.webhooks.verifier import verify_webhook as verify_webhook
