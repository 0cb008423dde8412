"""Verifies and signs webhooks: that the sender made a delivery, unmodified and recently."""

from countermark.webhooks._challenge import ChallengeAnswer as ChallengeAnswer
from countermark.webhooks._new_secrets import new_webhook_secret as new_webhook_secret
from countermark.webhooks._results import VerifiedWebhook as VerifiedWebhook
from countermark.webhooks._scheme import WebhookScheme as WebhookScheme
from countermark.webhooks._signer import WebhookSigner as WebhookSigner
from countermark.webhooks._verifier import WebhookVerifier as WebhookVerifier
from countermark.webhooks._verify_webhook import verify_webhook as verify_webhook
